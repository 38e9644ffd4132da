#include <cstdio>
#include <string>

#include "experiments/reversal_curse/report/html_sections.h"

namespace obverse::reversal::report {
namespace {

// Blue and vermilion of Okabe and Ito's colour-blind-safe palette, darkened or lightened to at
// least 4.5 : 1 on the page.
constexpr const char* kLight =
    "--page:#fcfbf8;--card:#fff;--ink:#1c2126;--soft:#59636d;--rule:#dcdad3;--grid:#e9e7e1;"
    "--trained:#0a5fa3;--reverse:#bf4a06;--third:#5b6b12;--fourth:#8a2f78;--quiet:#f3f1eb;--link:#"
    "0a5fa3;";
constexpr const char* kDark =
    "--page:#14171a;--card:#1a1e22;--ink:#e7e9eb;--soft:#a3adb7;--rule:#363d44;--grid:#2a3036;"
    "--trained:#6cb4f2;--reverse:#f4975e;--third:#b4c457;--fourth:#e29ad3;--quiet:#20252a;--link:#"
    "8cc4f6;";

constexpr const char* kText = R"(
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","DejaVu Sans",Arial,sans-serif;
font-variant-numeric:tabular-nums lining-nums;-webkit-text-size-adjust:100%}
main{max-width:72rem;margin:0 auto;padding:3rem 2rem 5rem}
h1,h2,h3,.headline,.further{font-family:Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,
"DejaVu Serif",serif}
h1{font-size:2.5rem;line-height:1.1;margin:0 0 1.25rem;font-weight:600;letter-spacing:-.01em}
h2{font-size:1.45rem;line-height:1.25;margin:0 0 .75rem;font-weight:600}
h3{font-size:1.05rem;margin:0 0 .4rem;font-weight:600}
p{max-width:44rem;margin:0 0 .9rem}
.kicker{color:var(--soft);font-size:.85rem;letter-spacing:.04em;margin:0 0 .4rem}
.headline{font-size:1.4rem;line-height:1.42;max-width:50rem}
.further{font-size:1.1rem;line-height:1.5;max-width:50rem}
.facts,.note{color:var(--soft);font-size:.9rem}
section{margin-top:3rem;padding-top:1.75rem;border-top:1px solid var(--rule)}
a{color:var(--link);text-underline-offset:.15em}
small{font-size:.8rem;font-weight:400}
ul{padding-left:1.2rem}
li{margin:0 0 .35rem;max-width:50rem}
summary{cursor:pointer;color:var(--soft);margin:1rem 0 .6rem}
pre{background:var(--quiet);padding:.9rem 1rem;border-radius:4px;white-space:pre-wrap;
overflow-wrap:anywhere;font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,
"DejaVu Sans Mono",monospace}
pre span{display:inline-block;max-width:100%}
dl{margin:0}dd{margin:0}dt{font-weight:600}
.kinds{display:grid;gap:.35rem;max-width:50rem}
.kinds div{display:grid;grid-template-columns:5.5rem 1fr;gap:.75rem}
.settings{margin:0 0 1.25rem}
.settings dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:0 2rem}
.settings dl div{display:flex;justify-content:space-between;gap:1rem;font-size:.9rem;
border-bottom:1px solid var(--grid);padding:.2rem 0}
.settings dt{font-weight:400;color:var(--soft)}.settings dd{text-align:right;overflow-wrap:anywhere}
)";

constexpr const char* kTables = R"(
table{border-collapse:separate;border-spacing:0}
th{text-align:left;font-weight:600}
.scroll{overflow-x:auto;max-width:100%;
background:linear-gradient(90deg,var(--page) 60%,transparent) left/2rem 100% no-repeat local,
linear-gradient(270deg,var(--page) 60%,transparent) right/2rem 100% no-repeat local,
linear-gradient(270deg,var(--soft),transparent) right/.4rem 100% no-repeat scroll}
.data{font-size:.86rem;min-width:100%}
.data th,.data td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--grid);
vertical-align:baseline}
.data thead th{color:var(--soft);font-weight:500;border-bottom:1px solid var(--soft)}
.data tbody th{font-weight:400;min-width:9rem}
.data .group th{font-weight:600;padding-top:1.1rem;border-bottom-color:var(--rule)}
.data .number,.data .words{white-space:nowrap}
.scroll+p{margin-top:1.5rem}
.matrix{border-spacing:3px;margin:0 -3px;width:100%}
.matrix th{font-size:.95rem;padding:.3rem .8rem .3rem 0}
.matrix thead th{color:var(--soft);font-weight:500;text-align:center}
.matrix thead th:first-child,.matrix thead th.verdict{text-align:left}
.matrix td{text-align:center;padding:.5rem .4rem;min-width:5.6rem;line-height:1.25}
.matrix .choice th{font-weight:400;color:var(--soft);padding-left:1rem}
.matrix b{display:block;font-weight:600;font-size:1.08rem;white-space:nowrap}
.matrix small{display:block;white-space:nowrap}
.matrix td.apart{border:1px dashed var(--rule)}
.matrix td.none{color:var(--soft)}
.matrix td.verdict{text-align:left;padding-left:.9rem;min-width:9.5rem}
.matrix thead th.verdict{padding-left:.9rem}
.mark{width:.95em;height:.95em;vertical-align:-.1em;margin-right:.15rem}
.reasons{font-size:.9rem}
)";

constexpr const char* kCharts = R"(
svg text{font-family:inherit;fill:var(--soft)}
.tick{font-size:12px}.axis-title{font-size:12.5px}
.grid{stroke:var(--grid)}.axis{stroke:var(--soft)}
polyline,.right,.wrong,.mean{fill:none;stroke-linejoin:round}
.seed{stroke-width:1;opacity:.5}.mean{stroke-width:2.6}
.right{stroke-width:2.2}.right.plain{stroke:var(--ink)}
.wrong{stroke:var(--soft);stroke-width:1.8;stroke-dasharray:2 3}
.mean.trained,.seed.trained,.right.trained{stroke:var(--trained)}
.mean.reverse,.seed.reverse,.right.reverse{stroke:var(--reverse)}
.mean.reverse{stroke-dasharray:7 3.5}
.bar{stroke-width:6;opacity:.28}.bar-end{stroke-width:1.5;opacity:.75}
.bar.trained,.bar-end.trained{stroke:var(--trained)}
.bar.reverse,.bar-end.reverse{stroke:var(--reverse)}
.dot{stroke-width:1.5}.dot.trained{fill:var(--trained);stroke:var(--page)}
.dot.reverse{fill:var(--page);stroke:var(--reverse)}
.whisker{stroke-width:5;opacity:.3}.joined{fill:none;stroke-width:1.6;opacity:.7}
.whisker.trained,.joined.trained{stroke:var(--trained)}
.whisker.reverse,.joined.reverse{stroke:var(--reverse)}.joined.reverse{stroke-dasharray:6 3}
.whisker.third,.joined.third{stroke:var(--third)}.joined.third{stroke-dasharray:2 2.5}
.whisker.fourth,.joined.fourth{stroke:var(--fourth)}.joined.fourth{stroke-dasharray:9 3 2 3}
.point{stroke-width:1.4;stroke:var(--page)}.one-seed{opacity:.65}
.point.trained,.one-seed.trained{fill:var(--trained)}
.point.reverse{fill:var(--page);stroke:var(--reverse)}.one-seed.reverse{fill:var(--reverse)}
.point.third,.one-seed.third{fill:var(--third)}
.point.fourth{fill:var(--page);stroke:var(--fourth)}.one-seed.fourth{fill:var(--fourth)}
.marked{stroke:var(--soft);stroke-dasharray:3 3}
svg text.category,svg text.name{fill:var(--ink);font-size:13px}
svg text.category{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
svg text.name{font-weight:600}
.rim{fill:none;stroke:var(--ink);stroke-width:1.3}.rim.unclear{stroke-dasharray:1.6 2}
.coin{fill:var(--ink)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.6rem;font-size:.9rem;max-width:none}
.key{width:28px;height:10px;margin-right:.5rem;overflow:visible}
.dots{display:grid;grid-template-columns:minmax(8rem,16rem) 1fr;align-items:center;gap:0 1rem}
.dots-label{line-height:1.3}.dots-label small{display:block;color:var(--soft)}
.strip{display:block;overflow:visible}
figure{margin:0}
figure svg{display:block;overflow:visible;width:100%;max-width:26rem;height:auto}
figcaption{font-size:.92rem;line-height:1.35;margin:0 0 .35rem}
figcaption small{display:block;color:var(--soft)}
.multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(18rem,1fr));gap:1.75rem 2rem}
.question .multiples{grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));
margin:0 0 1.25rem}
.question .answer{font-size:1.1rem;line-height:1.5;max-width:50rem}
.question .published{border-left:3px solid var(--rule);padding-left:.8rem;color:var(--soft)}
.multiples figcaption{font-weight:600}
.pairs{display:grid;gap:2rem 2.5rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,32rem),1fr))}
.panels{display:grid;grid-template-columns:1fr 1fr;gap:1.25rem}
)";

// On a phone the arm's name takes a line of its own, so that numbers keep their size. On paper
// nothing may be cut.
constexpr const char* kMedia = R"(
@media (max-width:46rem){
main{padding:1.75rem 1rem 3rem}h1{font-size:2rem}
.headline{font-size:1.2rem}.further{font-size:1.02rem}
.matrix,.matrix thead,.matrix tbody{display:block;margin:0}
.matrix tr{display:grid;grid-template-columns:repeat(4,1fr);gap:3px;margin:0 0 .9rem}
.matrix.with-infill tr{grid-template-columns:repeat(5,1fr)}
.matrix tbody th,.matrix td.verdict{grid-column:1/-1;padding:.1rem 0}
.matrix thead{position:sticky;top:0;background:var(--page);z-index:1}
.matrix thead th{padding:.3rem 0}.matrix thead th:first-child,.matrix thead th.verdict{display:none}
.matrix thead tr{margin:0 0 .3rem}
.matrix td{min-width:0;padding:.45rem .1rem}.matrix small{font-size:.72rem}
.dots{grid-template-columns:1fr;gap:.1rem}.dots-label{margin-top:.7rem}
.dots-label:empty{margin:0}.matrix .choice th{padding-left:0}
.panels{grid-template-columns:1fr}figure svg{max-width:none}
}
@media print{
body{font-size:10.5pt;background:#fff}:root{--page:#fff}main{max-width:none;padding:0}
section{margin-top:1.2rem;padding-top:.9rem}
figure,.pair,tr,.dots-label,.strip,dl div,.matrix,.reasons li{break-inside:avoid}
h2,h3,figcaption,.legend,.note,tr.group,thead{break-after:avoid}
details.rules::details-content{content-visibility:visible}
.heat,.bar,pre{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.scroll{overflow:visible}.data{font-size:.72rem}.data .number{white-space:normal}
.multiples{grid-template-columns:repeat(3,1fr);gap:1rem}
.pairs{grid-template-columns:1fr 1fr;gap:1rem}.panels{grid-template-columns:1fr 1fr;gap:.75rem}
.matrix td{min-width:0}a{color:inherit}
}
)";

struct Colour {
  double red, green, blue;
};

// Eleven shades from the page's own colour to a full blue; the text turns where the other one reads
// better.
std::string shades(Colour from, Colour to, const char* near_text, const char* far_text, int turn) {
  std::string rules;
  for (int shade = 0; shade <= 10; ++shade) {
    const double share = shade / 10.0;
    const auto mixed = [share](double a, double b) {
      return static_cast<int>(a + share * (b - a));
    };
    char rule[96];
    std::snprintf(rule, sizeof(rule), ".h%d{background:rgb(%d,%d,%d);color:%s}\n", shade,
                  mixed(from.red, to.red), mixed(from.green, to.green), mixed(from.blue, to.blue),
                  shade < turn ? near_text : far_text);
    rules += rule;
  }
  return rules;
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
}

}  // namespace

std::string picture_style() {
  std::string style = kCharts;
  const std::string colours = kLight;
  for (std::size_t begin = 0; begin < colours.size();) {
    const std::size_t end = colours.find(';', begin), colon = colours.find(':', begin);
    const std::string name = colours.substr(begin, colon - begin);
    replace_all(style, "var(" + name + ")",
                name == "--page" ? "#fff" : colours.substr(colon + 1, end - colon - 1));
    begin = end + 1;
  }
  return "text{font-family:system-ui,\"Segoe UI\",Roboto,\"Noto Sans\",\"DejaVu Sans\",Arial,"
         "sans-serif}" +
         style;
}

std::string style_sheet() {
  const std::string light = shades({243, 241, 235}, {8, 83, 143}, "#0b0e11", "#fff", 8);
  const std::string dark = shades({32, 37, 42}, {28, 108, 176}, "#e7e9eb", "#fff", 5);
  return std::string(":root{color-scheme:light dark;") + kLight + "}\n" + light +
         "@media screen and (prefers-color-scheme:dark){:root{" + kDark + "}\n" + dark + "}\n" +
         kText + kTables + kCharts + kMedia;
}

}  // namespace obverse::reversal::report
