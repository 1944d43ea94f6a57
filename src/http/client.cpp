#include "http/client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "http/keep_alive.hpp"

namespace godwit::http {
namespace {

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Multi = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;
using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

curl_blob blob_of(const std::string& text) { return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY}; }

/// What the callbacks of one transfer fill in.
struct Transfer {
  Response response;
  const std::function<bool(std::string_view)>* on_bytes = nullptr;
  bool refused_by_reader = false;
  bool repeatable = false;  ///< sending it twice does no harm
  char detail[CURL_ERROR_SIZE] = "";
  int attempts = 0;  ///< how often a connection stood ready and the request began to go out
};

/// curl sends a request again, without a word, when a connection that it used before dies unanswered. A write must not
/// be: the first one may have been applied.
int before_sending(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.attempts > 0 && !transfer.repeatable) return CURL_PREREQFUNC_ABORT;
  ++transfer.attempts;
  return CURL_PREREQFUNC_OK;
}

int on_socket(void*, curl_socket_t socket, curlsocktype) {
  keep_alive(socket);
  return CURL_SOCKOPT_OK;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.on_bytes != nullptr && transfer.response.status < 300) {
    if (!(*transfer.on_bytes)({data, size})) {
      transfer.refused_by_reader = true;
      return 0;
    }
    return size;
  }
  transfer.response.body.append(data, size);
  return size;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line = trim({data, size});
  if (line.starts_with("HTTP/")) {
    const std::size_t space = line.find(' ');
    transfer.response = {};
    if (space != std::string_view::npos) {
      transfer.response.status = parse_number<int>(line.substr(space + 1, 3)).value_or(0);
    }
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    transfer.response.headers.set(line.substr(0, colon), std::string{trim(line.substr(colon + 1))});
  }
  return size;
}

TransportError error_of(const Transfer& transfer, CURLcode code, const std::string& url) {
  std::string why = *transfer.detail != '\0' ? transfer.detail : curl_easy_strerror(code);
  if (code == CURLE_ABORTED_BY_CALLBACK) why = "the connection broke before the answer came";
  return {.error = {code == CURLE_OPERATION_TIMEDOUT ? Code::timeout : Code::unavailable, url + ": " + why},
          .sent = transfer.attempts == 0 ? Sent::no : Sent::perhaps};
}

class CurlClient final : public Client {
 public:
  explicit CurlClient(ClientOptions options) : options_{std::move(options)} {}

  tl::expected<Response, TransportError> send(const Request& request, Deadline deadline) override {
    Transfer transfer;  // outlives the handle, which points into it
    Easy handle = take();
    const HeaderList headers = prepare(handle.get(), request, transfer);
    const int left = deadline.poll_timeout();
    if (left == 0) {
      give_back(std::move(handle));
      return tl::unexpected(TransportError{{Code::timeout, "the deadline has passed"}, Sent::no});
    }
    curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, left < 0 ? 0L : static_cast<long>(left));
    const CURLcode code = curl_easy_perform(handle.get());
    if (code != CURLE_OK) return tl::unexpected(error_of(transfer, code, options_.base_url));
    give_back(std::move(handle));
    return std::move(transfer.response);
  }

  tl::expected<Response, TransportError> stream(const Request& request,
                                                const std::function<bool(std::string_view)>& on_bytes,
                                                const std::stop_token& stop) override {
    Transfer transfer;  // outlives the handle, which points into it
    transfer.on_bytes = &on_bytes;
    const Easy handle = make();
    const Multi multi{curl_multi_init(), &curl_multi_cleanup};
    const HeaderList headers = prepare(handle.get(), request, transfer);
    curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, 0L);
    curl_easy_setopt(handle.get(), CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_multi_add_handle(multi.get(), handle.get());
    const std::stop_callback wake{stop, [&] { curl_multi_wakeup(multi.get()); }};
    std::optional<CURLcode> end;
    while (!end && !stop.stop_requested()) {
      int running = 0;
      if (curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
        if (message->msg == CURLMSG_DONE) end = message->data.result;
      }
      if (!end) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
    }
    curl_multi_remove_handle(multi.get(), handle.get());
    if (!end) return tl::unexpected(TransportError{{Code::cancelled, "told to stop"}, Sent::perhaps});
    if (*end != CURLE_OK && !transfer.refused_by_reader) {
      return tl::unexpected(error_of(transfer, *end, options_.base_url));
    }
    return std::move(transfer.response);
  }

  const ClientOptions& options() const override { return options_; }

 private:
  Easy make() const {
    Easy handle{curl_easy_init(), &curl_easy_cleanup};
    CURL* curl = handle.get();
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, &on_socket);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    // One request at a time on a connection of its own: HTTP/1.1 has less to go wrong than HTTP/2 would.
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, options_.user_agent.c_str());
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    const curl_blob ca = blob_of(options_.tls.ca_pem);
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &ca);
    if (!options_.tls.certificate_pem.empty()) {
      const curl_blob certificate = blob_of(options_.tls.certificate_pem);
      const curl_blob key = blob_of(options_.tls.key_pem);
      curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &certificate);
      curl_easy_setopt(curl, CURLOPT_SSLCERTTYPE, "PEM");
      curl_easy_setopt(curl, CURLOPT_SSLKEY_BLOB, &key);
      curl_easy_setopt(curl, CURLOPT_SSLKEYTYPE, "PEM");
    }
    return handle;
  }

  Easy take() {
    const std::lock_guard lock{mutex_};
    if (idle_.empty()) return make();
    Easy handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
  }

  void give_back(Easy handle) {
    curl_easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, nullptr);
    curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, nullptr);
    const std::lock_guard lock{mutex_};
    if (idle_.size() < 16) idle_.push_back(std::move(handle));
  }

  HeaderList prepare(CURL* curl, const Request& request, Transfer& transfer) const {
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer.detail);
    curl_easy_setopt(curl, CURLOPT_URL, (options_.base_url + encode_target(request)).c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl, CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
    const bool has_body =
        !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    if (has_body) {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, request.body.c_str());
    } else {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, nullptr);
      curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
      curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    HeaderList list{nullptr, &curl_slist_free_all};
    const auto add = [&](const std::string& line) { list.reset(curl_slist_append(list.release(), line.c_str())); };
    add("Expect:");
    if (!options_.bearer_token.empty()) add("Authorization: Bearer " + options_.bearer_token);
    for (const auto& [name, value] : request.headers) add(name + ": " + value);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.get());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    transfer.repeatable = request.method == "GET" || request.method == "HEAD";
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, &before_sending);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, &transfer);
    return list;
  }

  ClientOptions options_;
  std::mutex mutex_;
  std::vector<Easy> idle_;
};

}  // namespace

Result<std::unique_ptr<Client>> Client::create(ClientOptions options) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_ALL);
  if (ready != CURLE_OK) return fail(Code::internal, "libcurl does not start");
  if (!options.base_url.starts_with("https://")) {
    return fail(Code::invalid, "\"" + options.base_url + "\" is not an https:// address");
  }
  while (options.base_url.ends_with('/')) options.base_url.pop_back();
  return std::unique_ptr<Client>{std::make_unique<CurlClient>(std::move(options))};
}

}  // namespace godwit::http
