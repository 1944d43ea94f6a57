// In which form a client wants the objects that it asks for: as they are, as a Table, or their metadata alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apiserver/kinds.hpp"
#include "base/clock.hpp"
#include "http/message.hpp"
#include "store/store.hpp"

namespace godwit::apiserver {

/// The metadata of a list.
struct ListMeta {
  std::uint64_t revision = 0;
  std::string next = {};                       ///< the continue token; "" : nothing is left
  std::optional<std::int64_t> remaining = {};  ///< how many are left, where that is known
};

/// For the length of a request. All texts are JSON.
class Presentation {
 public:
  enum class Form : unsigned char { whole, table, metadata };

  /// The first form of its Accept header that there is; whole when it names none.
  Presentation(const http::Request& request, const Kind& kind, const Clock& clock);

  [[nodiscard]] Result<std::string> object(const store::Bytes& stored, std::uint64_t revision) const;
  [[nodiscard]] std::string object(const json::Value& served) const;
  [[nodiscard]] Result<std::string> list(const std::vector<store::Record>& records, const ListMeta& meta) const;
  /// The object of a watch's bookmark.
  [[nodiscard]] std::string bookmark(std::uint64_t revision) const;

 private:
  [[nodiscard]] std::string table(const std::vector<json::Value>& objects, const ListMeta& meta) const;

  const Kind& kind_;
  const Clock& clock_;
  Form form_ = Form::whole;
  std::string include_object_;
};

/// The form that an Accept header asks for.
[[nodiscard]] Presentation::Form form_of(std::string_view accept);

}  // namespace godwit::apiserver
