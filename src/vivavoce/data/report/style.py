"""How the report looks, by day and by night."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --fg: #1c1c22; --bg: #fcfcfa; --soft: #efefea; --line: #d5d5cf;
  --dim: #5f5f68; --accent: #7a3f8f; --bad: #a8362a; }
@media (prefers-color-scheme: dark) { :root { --fg: #e8e8ea; --bg: #17171c; --soft: #24242b;
  --line: #3a3a44; --dim: #a3a3ae; --accent: #c795dc; --bad: #f08a7c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--fg);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .6rem; }
p { margin: .4rem 0; max-width: 46rem; }
small, .dim { color: var(--dim); font-size: .85rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .7rem;
  margin: 1.4rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--soft); border-radius: .5rem; padding: .7rem .9rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.2; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td:first-child { min-width: 11rem; }
td .reason { white-space: nowrap; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; }
figure { margin: 0; }
figcaption { font-weight: 600; }
svg { width: 100%; height: auto; display: block; }
svg rect { fill: var(--accent); }
svg text { fill: var(--dim); font-size: 10px; }
svg .axis { stroke: var(--line); }
svg .mark { stroke: var(--bad); stroke-dasharray: 4 3; }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem;
  padding: 0; list-style: none; }
.clips li { background: var(--soft); border-radius: .5rem; padding: .7rem; min-width: 0; }
.clips img { width: 100%; height: 64px; display: block; border-radius: .3rem; }
.clips audio { width: 100%; height: 2.4rem; margin-top: .4rem; }
.clips .text { margin: .4rem 0 .2rem; overflow-wrap: anywhere; }
.reason { color: var(--bad); font-weight: 600; }
code, pre { font: .88rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre { background: var(--soft); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto; }
a { color: var(--accent); }
"""
