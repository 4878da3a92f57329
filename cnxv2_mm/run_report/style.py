"""How the page of a training looks: on a screen, on a telephone, in the dark, and on paper."""

STYLE = """
h1 { overflow-wrap: anywhere; }
.lead { color: #57606a; margin: .2rem 0; overflow-wrap: anywhere; }
.state { display: inline-block; padding: .1rem .7rem; border-radius: 1rem; font-size: .9rem; font-weight: 600;
  color: #fff; background: #0a58ca; vertical-align: .2rem; }
.finished .state { background: #1a7037; }
.stopped .state { background: #b42318; }
.stale .state { background: #8a5a00; }
.stale .left { display: none; }
progress { width: 100%; height: .7rem; accent-color: #0a58ca; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 10rem), 1fr)); gap: .8rem;
  margin: 1rem 0; }
.facts > div { border: 1px solid #d0d7de; border-radius: .5rem; padding: .6rem .8rem; }
.facts dt { color: #57606a; font-size: .85rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.facts .big { font-size: 1.5rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
.facts small { color: #57606a; }
.box { border: 1px solid #d0d7de; border-left-width: .3rem; border-radius: .4rem; padding: .6rem .9rem;
  margin: 1rem 0; overflow-wrap: anywhere; }
.box p { margin: .2rem 0; max-width: none; }
.box summary { margin: 0; }
.box ul { margin: .2rem 0; padding-left: 1.2rem; }
.warning { border-left-color: #bf8700; }
.error { border-left-color: #b42318; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 1.5rem 2rem; }
.charts h3 { font-size: 1rem; margin: 0; display: flex; justify-content: space-between;
  flex-wrap: wrap; gap: 0 1rem; }
.charts h3 span { font-weight: 400; color: #57606a; font-variant-numeric: tabular-nums; text-align: right; }
.charts section { min-width: 0; break-inside: avoid; }
.charts figure img { width: 100%; background: #fff; border-radius: .3rem; }
h3.sheet { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.sheet.wide img { min-width: 44rem; max-width: 100%; margin: 0; image-rendering: auto; }
pre { margin: .3rem 0 1rem; padding: .6rem .8rem; background: #f6f8fa; border-radius: .4rem; font-size: .85rem;
  white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; }
pre code { font-size: inherit; }
a { color: #0a58ca; overflow-wrap: anywhere; }
.files { padding-left: 1.2rem; }
.files small { color: #57606a; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 0 2rem; }
.two > div { min-width: 0; }
footer { margin: 2.5rem 0 1rem; color: #57606a; font-size: .85rem; }
[hidden] { display: none !important; }
@media (max-width: 40rem) {
  body { margin: 1rem auto; }
  h1 { font-size: 1.35rem; }
  th, td { padding: .3rem .4rem; }
}
@media screen and (prefers-color-scheme: dark) {
  :root { color-scheme: dark; }
  body { color: #e6edf3; background: #0d1117; }
  h2, th, td, .facts > div, .box { border-color: #3d444d; }
  .warning { border-left-color: #d29922; }
  .error { border-left-color: #f85149; }
  th, pre { background: #1b2129; }
  .lead, figcaption, footer, .facts dt, .facts small, .files small, .charts h3 span { color: #9aa4af; }
  a { color: #6cb2ff; }
}
@media print {
  body { margin: 0; max-width: none; font-size: 10pt; }
  .charts, .two { grid-template-columns: 1fr 1fr; }
  .sheet.wide { overflow: visible; }
  .sheet.wide img { min-width: 0; }
  h2, h3, figure, .facts, .box { break-inside: avoid; break-after: auto; }
  h2, h3 { break-after: avoid; }
}
"""
# Tells a page that is written again and again from one whose run has been killed, by the clock of who looks at it.
LATE = """
(() => {
  const written = %(written)d, late = %(late)d;
  const look = () => {
    const age = Math.max(0, Date.now() - written), minutes = Math.round(age / 60000);
    const ago = age < 90000 ? Math.round(age / 1000) + " s" : minutes < 120 ? minutes + " min"
      : Math.round(minutes / 60) + " h";
    document.getElementById("age").textContent = "(" + ago + " ago)";
    if (age < late) return;
    document.body.className = "stale";
    document.querySelector(".state").textContent = "no news";
    document.getElementById("late").hidden = false;
  };
  look();
  setInterval(look, 5000);
})();
"""
