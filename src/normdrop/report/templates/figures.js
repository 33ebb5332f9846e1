// Unpacks the library that stands above, then draws every figure of the page.
async function unpacked(id) {
  const text = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function explain() {
  for (const plot of document.querySelectorAll(".plot")) {
    plot.style.minHeight = "0";
    plot.textContent = "This browser cannot draw the figure; the tables hold its numbers.";
  }
}

async function draw() {
  const script = document.createElement("script");
  script.textContent = await unpacked("plotly");
  document.head.append(script);
  // A finger that scrolls the page must not zoom the figure it passes.
  const dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom";
  const narrow = matchMedia("(max-width: 40rem)").matches;
  const config = { responsive: true, displaylogo: false, displayModeBar: false };
  for (const source of document.querySelectorAll("[data-figure]")) {
    const { data, layout } = JSON.parse(source.textContent);
    // On a phone one value at a time, and a legend of two columns, leave room for the figure.
    const small = { hovermode: "closest", legend: { ...layout.legend, font: { size: 9 } } };
    const fitted = { ...layout, dragmode, ...(narrow ? small : {}) };
    await Plotly.newPlot(source.dataset.figure, data, fitted, config);
  }
  const plots = document.querySelectorAll(".plot");
  const paper = 680;
  addEventListener("beforeprint", () => {
    for (const plot of plots) Plotly.relayout(plot, { width: paper });
  });
  addEventListener("afterprint", () => {
    for (const plot of plots) Plotly.relayout(plot, { width: null, autosize: true });
  });
}

draw().catch(explain);
