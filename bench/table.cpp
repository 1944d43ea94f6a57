#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::bench {

double Series::median() const {
  if (values.empty()) return 0;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

std::string Series::describe() const {
  if (values.empty()) return "";
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return fmt::format("{:.0f} [{:.0f}-{:.0f}]", median(), *least, *most);
}

std::string table_of(const std::string& title, const std::vector<Row>& rows) {
  std::string text = fmt::format(
      "\n{}\n\n| who | total ms | downtime ms (QEMU) | client's longest gap ms | MB moved | MB/s | commit ms |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n",
      title);
  for (const Row& row : rows) {
    const double seconds = row.total_ms.median() / 1000;
    text += fmt::format("| {} | {} | {} | {} | {} | {:.0f} | {} |\n", row.name, row.total_ms.describe(),
                        row.downtime_ms.describe(), row.client_gap_ms.describe(), row.megabytes.describe(),
                        seconds > 0 ? row.megabytes.median() / seconds : 0, row.commit_ms.describe());
  }
  return text;
}

}  // namespace godwit::bench
