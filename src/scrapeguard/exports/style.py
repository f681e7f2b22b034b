"""How a report looks: on a screen, on a telephone, in the dark and on paper."""

STYLE = """
:root{--ink:#1d2430;--soft:#5b6675;--line:#d9dee6;--paper:#fff;--wash:#f4f6f9;--served:#3d7ea6;--refused:#c8553d;
--other:#b9c0ca;--mark:#7a2e1d;--taken:#3d7ea6;--accent:#1f4e6b}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#343c48;--paper:#161a20;--wash:#1f252d;
--served:#5fa3cc;--refused:#e07a62;--other:#5b6675;--mark:#f0b8a8;--taken:#5fa3cc;--accent:#9cc9e4}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue",
"Noto Sans","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",Arial,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em}
h2{font-size:1.25rem;line-height:1.3;margin:2.75rem 0 .6rem;padding-top:1.1rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
p{margin:.5rem 0;max-width:46rem}
.lead{font-size:1.1rem}
.soft,small{color:var(--soft)}
code,pre,.mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.87em;
overflow-wrap:anywhere}
pre{background:var(--wash);border:1px solid var(--line);border-radius:6px;padding:.8rem 1rem;white-space:pre-wrap;
margin:.6rem 0;max-height:22rem;overflow:auto}
.tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:.75rem;margin:1.5rem 0}
.tile{background:var(--wash);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem}
.tile b{display:block;font-size:1.6rem;line-height:1.15;font-weight:650;letter-spacing:-.01em}
.tile span{color:var(--soft);font-size:.87rem;line-height:1.35;display:block;margin-top:.15rem}
.note{border-left:4px solid var(--refused);background:var(--wash);padding:.7rem 1rem;border-radius:0 6px 6px 0;
margin:1rem 0;max-width:46rem}
table{border-collapse:collapse;width:100%;margin:.7rem 0;font-size:.94rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--line);
font-weight:400;overflow-wrap:anywhere}
thead th{color:var(--soft);font-size:.83rem;white-space:nowrap}
.keep{white-space:nowrap}.words td,.words th{overflow-wrap:break-word}
b.there,b.partly,b.missing{white-space:nowrap}b.there{color:#2e7d4f}b.partly{color:#9a6b00}b.missing{color:var(--refused)}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bars th{width:30%}.bars .number{width:5.5rem}.bars .wide{width:auto;padding-left:.3rem}
.bars small{display:block;margin-top:.15rem;line-height:1.35}
.bar{display:block;height:.72rem;margin-top:.42rem;border-radius:2px;min-width:2px}
.bar.served{background:var(--served)}.bar.refused{background:var(--refused)}.bar.other{background:var(--other)}
.chart{position:relative;margin:1rem 0 .25rem}
.chart svg{display:block;width:100%;height:11rem}
.chart .top{position:absolute;top:-.2rem;left:0;font-size:.8rem;color:var(--soft);background:var(--paper);
padding:0 .3rem 0 0;font-variant-numeric:tabular-nums}
svg .served{fill:var(--served)}svg .refused{fill:var(--refused)}svg .other{fill:var(--other)}
svg .taken{fill:var(--taken);fill-opacity:.8}svg .mark{fill:var(--mark);fill-opacity:.55}
svg .floor{stroke:var(--line);stroke-width:1;vector-effect:non-scaling-stroke}
.axis{display:flex;justify-content:space-between;font-size:.8rem;color:var(--soft);font-variant-numeric:tabular-nums}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.87rem;color:var(--soft);margin:.5rem 0 0;padding:0;
list-style:none}
.legend i{display:inline-block;width:.75rem;height:.75rem;border-radius:2px;margin-right:.4rem;vertical-align:-1px}
.legend .served{background:var(--served)}.legend .refused{background:var(--refused)}
.legend .other{background:var(--other)}.legend .mark{background:var(--mark);width:3px;border-radius:0}
ul{padding-left:1.2rem;max-width:46rem}li{margin:.3rem 0}
.based{color:var(--soft);font-size:.8rem;line-height:1.4;margin:.1rem 0 .6rem;font-variant-numeric:tabular-nums}
td .based{margin:.15rem 0 0}
.scroll{overflow-x:auto}
@media (max-width:36rem){main{padding:1.5rem 1rem 3rem}h1{font-size:1.5rem}.tile b{font-size:1.35rem}
.tiles{grid-template-columns:1fr 1fr}.bars th{width:36%}.bars .number{width:4.2rem}.chart svg{height:8.5rem}
.stack thead{display:none}.stack tr{display:block;border-bottom:1px solid var(--line);padding:.45rem 0}
.stack td{display:block;border:0;padding:.08rem 0;text-align:left}
.stack td::before{content:attr(data-name) " ";color:var(--soft);font-size:.83rem}}
@media print{body{font-size:10.5pt}main{max-width:none;padding:0}h2,h3{break-after:avoid}.tile,tr,.chart{
break-inside:avoid}thead th{white-space:normal}pre{max-height:none}
.bar,.chart svg,.legend i,.tile{-webkit-print-color-adjust:exact;
print-color-adjust:exact}}
"""
