// stand_alone of svg.h.
#include <cstdlib>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/html_sections.h"
#include "experiments/reversal_curse/report/svg.h"

namespace obverse::reversal::report::svg {
namespace {

constexpr double kWidth = 680.0, kMargin = 20.0, kTitle = 26.0;

// The height of a picture drawn as wide as the file: its viewBox tells, and where there is none
// (strips that stretch) its own height.
double height_of(const std::string& picture) {
  const std::size_t box = picture.find("viewBox=\"");
  const std::size_t tag_end = picture.find('>');
  if (box != std::string::npos && box < tag_end) {
    const char* at = picture.c_str() + box + 9;
    double numbers[4] = {0, 0, 1, 1};
    for (double& number : numbers) {
      char* end = nullptr;
      number = std::strtod(at, &end);
      at = end;
    }
    return (kWidth - 2 * kMargin) * numbers[3] / numbers[2];
  }
  const std::size_t height = picture.find("height=\"");
  return height < tag_end ? std::strtod(picture.c_str() + height + 8, nullptr) : 100.0;
}

}  // namespace

std::string stand_alone(const std::vector<Named>& pictures) {
  std::string body;
  double y = kMargin;
  for (const Named& named : pictures) {
    if (named.picture.empty()) continue;
    if (!named.title.empty()) {
      body += text({kMargin, y + 12}, "start", "name", named.title);
      y += kTitle;
    }
    const double height = height_of(named.picture);
    std::string inner = named.picture;
    // An inner picture has a place and a size; a strip's own come after them and would repeat.
    const std::size_t own = inner.find(" width=\"100%\" height=\"");
    if (own != std::string::npos && own < inner.find('>')) {
      inner.erase(own, inner.find('"', own + 22) + 1 - own);
    }
    inner.insert(4, " x=\"" + number(kMargin) + "\" y=\"" + number(y) + "\" width=\"" +
                        number(kWidth - 2 * kMargin) + "\" height=\"" + number(height) + "\"");
    body += inner + "\n";
    y += height + 14;
  }
  const std::string size = number(kWidth) + " " + number(y + kMargin - 14);
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
         "viewBox=\"0 0 " +
         size + "\" width=\"" + number(kWidth) + "\" height=\"" + number(y + kMargin - 14) +
         "\">\n<style>" + picture_style() + "</style>\n<rect width=\"100%\" height=\"100%\" " +
         "fill=\"#fff\"/>\n" + body + "</svg>\n";
}

}  // namespace obverse::reversal::report::svg
