"use strict";
(() => {
  const main = document.querySelector("main");
  const first = document.querySelector(".view");
  const shown = () => document.querySelector(".view:target") || first;

  // One noise alone: its arrows and norms stand out, the others fade. Noises are told by number.
  const buttons = [...document.querySelectorAll("button[data-noise]")];
  const marked = [...document.querySelectorAll(".pictures [data-noise]")];
  const pick = (chosen) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
    const number = chosen ? chosen.dataset.noise : "";
    main.classList.toggle("picked", Boolean(chosen));
    for (const part of marked) {
      const on = part.dataset.noise.split(" ").includes(number);
      part.classList.toggle("on", on);
      if (!part.classList.contains("nd-arrow") || !chosen) {
        part.style.removeProperty("--nd-hue");
      } else if (on) {
        part.style.setProperty("--nd-hue", `var(--nd-n${(number - 1) % 6})`);
      }
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () =>
      pick(button.getAttribute("aria-pressed") === "true" ? null : button));
  }

  const zoom = (how) => {
    const canvas = shown().querySelector(".canvas");
    const svg = canvas.querySelector("svg");
    const natural = svg.viewBox.baseVal.width;
    if (how === "fit") {
      delete canvas.dataset.zoom;
      svg.style.width = "";
      svg.style.height = "";
      return;
    }
    const now = svg.getBoundingClientRect().width;
    const wanted = Math.min(4, Math.max(0.2, (now / natural) * (how === "in" ? 1.25 : 0.8)));
    canvas.dataset.zoom = String(wanted);
    svg.style.width = `${natural * wanted}px`;
    svg.style.height = "auto";
  };
  for (const button of document.querySelectorAll("button[data-zoom]")) {
    button.addEventListener("click", () => zoom(button.dataset.zoom));
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      const pressed = buttons.find((each) => each.getAttribute("aria-pressed") === "true");
      const up = [...shown().querySelectorAll(".trail a")].pop();
      if (pressed) pick(null);
      else if (up) up.click();
    } else if (event.key === "+") zoom("in");
    else if (event.key === "-") zoom("out");
    else if (event.key === "0") zoom("fit");
  });

  // The way on by keyboard starts in the picture that was opened.
  window.addEventListener("hashchange", () => {
    shown().querySelector(".canvas").focus({ preventScroll: true });
    shown().scrollIntoView({ block: "nearest" });
  });
})();
