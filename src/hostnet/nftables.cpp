#include "hostnet/nftables.hpp"

#include <nftables/libnftables.h>

#include <memory>
#include <mutex>

#include <fmt/format.h>

namespace godwit::hostnet {

Result<> run_nft(const std::string& commands) {
  // libnftables keeps tables of symbols that its contexts share.
  static std::mutex one_at_a_time;
  const std::lock_guard lock{one_at_a_time};
  struct Freer {
    void operator()(nft_ctx* context) const { nft_ctx_free(context); }
  };
  const std::unique_ptr<nft_ctx, Freer> context{nft_ctx_new(NFT_CTX_DEFAULT)};
  if (!context) return fail(Code::internal, "nftables does not start");
  nft_ctx_buffer_error(context.get());
  nft_ctx_buffer_output(context.get());
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) != 0) {
    return fail(Code::internal, fmt::format("nftables: {}", nft_ctx_get_error_buffer(context.get())));
  }
  return {};
}

}  // namespace godwit::hostnet
