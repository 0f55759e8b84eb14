// A chart as a file: its figures as CSV, itself as a picture.

const MARGIN = 12;
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function nameOf(title, end) {
  return `rigwatch ${title}`.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") + end;
}

// RFC 4180. What a spreadsheet would take for a formula is text.
function field(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// What is seen: within the zoom; moments in UTC, figures in the units that they are measured in.
export function csv(chart) {
  const [times, ...values] = chart.plot.data;
  const { min, max } = chart.plot.scales.x;
  const rows = [["time", ...chart.lines.map((line) => field(line.label))]];
  for (const [at, time] of times.entries()) {
    const figures = values.map((line) => line[at]);
    if (time < min || time > max || figures.every((figure) => figure == null)) continue;
    rows.push([new Date(time * 1000).toISOString(), ...figures.map((figure) => figure ?? "")]);
  }
  return `${rows.map((row) => row.join(",")).join("\r\n")}\r\n`;
}

export function saveCsv(chart) {
  save(new Blob([csv(chart)], { type: "text/csv" }), nameOf(chart.title, ".csv"));
}

// With its title, on the page's own background: the plot alone is transparent.
export function picture(chart) {
  const drawn = chart.plot.ctx.canvas;
  const ratio = window.devicePixelRatio || 1;
  const head = 30 * ratio;
  const canvas = Object.assign(document.createElement("canvas"), { width: drawn.width, height: drawn.height + head });
  const ctx = canvas.getContext("2d");
  ctx.fillStyle = token("--card");
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = token("--text");
  ctx.font = `600 ${14 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "middle";
  ctx.fillText(chart.title, MARGIN * ratio, head / 2);
  let x = MARGIN * ratio + ctx.measureText(chart.title).width + 16 * ratio;
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  for (const [at, { label }] of (chart.lines.length > 1 ? chart.lines : []).entries()) {
    ctx.fillStyle = token(`--plot-${(at % 8) + 1}`);
    ctx.fillRect(x, head / 2 - 2 * ratio, 10 * ratio, 4 * ratio);
    ctx.fillText(label, x + 14 * ratio, head / 2);
    x += ctx.measureText(label).width + 30 * ratio;
  }
  ctx.drawImage(drawn, 0, head);
  return canvas;
}

export function savePng(chart) {
  picture(chart).toBlob((blob) => save(blob, nameOf(chart.title, ".png")), "image/png");
}
