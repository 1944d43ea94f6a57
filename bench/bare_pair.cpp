#include "bare_pair.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/files.hpp"
#include "base/text.hpp"

namespace godwit::bench {
namespace {

using std::chrono::seconds;
constexpr int migration_port = 49400;  // beside the range that the agents' tunnels use

Result<> run(const std::string& command) {
  const auto done = run_checked({.argv = split(command, ' ')}, Deadline::after(seconds{20}));
  return done ? Result<>{} : Result<>{fail(done.error())};
}

Result<> run_all(const std::vector<std::string>& commands) {
  for (const std::string& command : commands) {
    if (auto done = run(command); !done) return done;
  }
  return {};
}

/// Types at a serial console: waits for each prompt and answers it.
Result<> type_at(const std::filesystem::path& console, const std::vector<std::pair<std::string, std::string>>& dialogue,
                 Deadline deadline) {
  const UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, console.c_str(), sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(console.string());
  std::string heard;
  for (const auto& [prompt, answer] : dialogue) {
    while (heard.find(prompt) == std::string::npos) {
      pollfd polled{fd.get(), POLLIN, 0};
      if (::poll(&polled, 1, deadline.poll_timeout()) <= 0)
        return fail(Code::timeout, "the console never said \"" + prompt + "\": " + heard);
      char bytes[1024];
      const ssize_t got = ::read(fd.get(), bytes, sizeof bytes);
      if (got <= 0) return fail(Code::unavailable, "the console is closed");
      heard.append(bytes, static_cast<std::size_t>(got));
    }
    heard.clear();
    if (::write(fd.get(), answer.data(), answer.size()) != static_cast<ssize_t>(answer.size()))
      return fail_errno("console");
  }
  return {};
}

}  // namespace

BarePair::BarePair(const local::Cluster& cluster, std::filesystem::path directory, std::filesystem::path image,
                   std::int64_t memory_mib)
    : cluster_{cluster}, directory_{std::move(directory)}, image_{std::move(image)}, memory_mib_{memory_mib} {}

BarePair::~BarePair() {
  guest_.reset();
  for (std::size_t i = 0; i < 2; ++i) {
    (void)run("ip link del " + link_of(i));
    for (const char* device : {"bare0", "bare1"})
      (void)run(fmt::format("ip -n {} link del {}", cluster_.nodes[i].ns, device));
  }
}

std::filesystem::path BarePair::pki_of(std::size_t side) const { return directory_ / cluster_.nodes[side].name; }

std::string BarePair::link_of(std::size_t side) const { return fmt::format("gw{}b{}", cluster_.id, side); }

Result<std::unique_ptr<BarePair>> BarePair::create(const local::Cluster& cluster,
                                                   const std::filesystem::path& directory,
                                                   const std::filesystem::path& image, std::int64_t memory_mib) {
  std::unique_ptr<BarePair> pair{new BarePair{cluster, directory, image, memory_mib}};
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);  // of a run that was killed
  if (auto made = make_directory(directory); !made) return fail(made.error());
  if (auto made = pair->make_network(); !made) return fail(made.error());
  if (auto made = pair->make_certificates(); !made) return fail(made.error());
  auto guest = pair->start(false);
  if (!guest) return fail(guest.error());
  pair->guest_ = std::move(*guest);
  if (auto configured = pair->configure_guest(); !configured) return fail(configured.error());
  return pair;
}

Result<> BarePair::make_network() {
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string& ns = cluster_.nodes[i].ns;
    if (auto made = run_all({
            fmt::format("ip -n {} link add bare0 type bridge", ns),
            fmt::format("ip -n {} tuntap add bare1 mode tap", ns),
            fmt::format("ip link add {} type veth peer name bare2 netns {}", link_of(i), ns),
            fmt::format("ip link set {} master {} up", link_of(i), cluster_.bridge()),
            fmt::format("ip -n {} link set bare1 master bare0 up", ns),
            fmt::format("ip -n {} link set bare2 master bare0 up", ns),
            fmt::format("ip -n {} link set bare0 up", ns),
        });
        !made) {
      return made;
    }
  }
  return {};
}

/// A CA and a certificate for each host, as QEMU wants them: a directory a host. Elliptic keys, as the cluster's are.
Result<> BarePair::make_certificates() {
  const std::string fresh = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
  const std::string ca = (directory_ / "ca").string();
  if (auto made =
          run(fmt::format("{0} -subj /CN=bench -keyout {1}.key -out {1}.crt -addext keyUsage=keyCertSign", fresh, ca));
      !made) {
    return made;
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const auto pki = pki_of(i);
    if (auto made = make_directory(pki, 0700); !made) return made;
    const std::string path = (pki / "server").string();
    if (auto made = run(fmt::format("{} -CA {} -CAkey {} -subj /CN={} -keyout {}-key.pem -out {}-cert.pem "
                                    "-addext subjectAltName=IP:{} -addext basicConstraints=critical,CA:FALSE "
                                    "-addext keyUsage=digitalSignature,keyEncipherment "
                                    "-addext extendedKeyUsage=serverAuth,clientAuth",
                                    fresh, ca + ".crt", ca + ".key", cluster_.nodes[i].name, path, path,
                                    cluster_.nodes[i].address));
        !made) {
      return made;
    }
    std::error_code error;
    std::filesystem::copy_file(ca + ".crt", pki / "ca-cert.pem", error);
    for (const char* what : {"cert", "key"}) {
      const auto name = [&](const char* role) { return pki / fmt::format("{}-{}.pem", role, what); };
      if (!error) std::filesystem::copy_file(name("server"), name("client"), error);
    }
    if (error) return fail(Code::internal, pki.string() + ": " + error.message());
  }
  return {};
}

Result<std::unique_ptr<BareQemu>> BarePair::start(bool incoming) {
  const std::size_t side = static_cast<std::size_t>((generation_ + (incoming ? 1 : 0)) % 2);
  qemu::MachineSpec spec;
  spec.name = "bare";
  spec.uuid = "7a3c1a52-5c0d-4d0b-8a56-1f5f0f7f0a01";
  spec.memory_bytes = memory_mib_ << 20;
  spec.tcg_tb_size_mb = 128;
  spec.disks = {{.id = "root", .path = image_, .boot_index = 1}};
  spec.incoming = incoming;
  spec.extra = {"-netdev", "tap,id=n0,ifname=bare1,script=no,downscript=no,vhost=off", "-device",
                "virtio-net-pci,netdev=n0,mac=02:00:00:00:0b:0e,bus=pcie.0,addr=0x2,romfile="};
  return BareQemu::start(spec, directory_ / fmt::format("q{}", generation_ + (incoming ? 1 : 0)),
                         cluster_.nodes[side].ns);
}

Result<> BarePair::configure_guest() {
  return type_at(guest_->console(),
                 {{"login: ", "root\n"},
                  {"# ", fmt::format("killall udhcpc; ip address add {}/24 dev eth0; echo rea''dy\n", address())},
                  {"ready", ""}},
                 Deadline::after(seconds{120}));
}

Result<> BarePair::prepare(BareQemu& qemu, bool tls, bool is_target) const {
  auto migration = qemu.migration();
  const Deadline deadline = Deadline::after(seconds{20});
  if (auto set = migration.set_capabilities({"events", "return-path"}, deadline); !set) return set;
  if (tls) {
    const std::size_t side = static_cast<std::size_t>((generation_ + (is_target ? 1 : 0)) % 2);
    const json::Object credentials{{"qom-type", "tls-creds-x509"},
                                   {"id", "tls0"},
                                   {"dir", pki_of(side).string()},
                                   {"endpoint", is_target ? "server" : "client"},
                                   {"verify-peer", true}};
    (void)qemu.execute("object-del", json::Object{{"id", "tls0"}});  // of the move that brought the guest here
    if (auto added = qemu.execute("object-add", credentials); !added) return fail(added.error());
  }
  // The limits are those that the agents use, so that only the way of carrying the bytes differs. (Migration's
  // set_parameters would name an authorization object, "", which QEMU's TLS then looks for.)
  const auto set = qemu.execute(
      "migrate-set-parameters",
      json::Object{{"max-bandwidth", 1'000'000'000'000}, {"downtime-limit", 50}, {"tls-creds", tls ? "tls0" : ""}});
  return set ? Result<>{} : Result<>{fail(set.error())};
}

Result<BareFigures> BarePair::migrate(bool tls) {
  const Instant begun = std::chrono::steady_clock::now();
  const Deadline deadline = Deadline::after(seconds{180});
  auto target = start(true);
  if (!target) return fail(target.error());
  if (auto ready = prepare(**target, tls, true); !ready) return fail(ready.error());
  if (auto ready = prepare(*guest_, tls, false); !ready) return fail(ready.error());
  const std::size_t side = static_cast<std::size_t>((generation_ + 1) % 2);
  const std::string uri = fmt::format("tcp:{}:{}", cluster_.nodes[side].address, migration_port);
  if (auto listens = (*target)->migration().incoming(uri, deadline); !listens) return fail(listens.error());
  auto source = guest_->migration();
  guest_->events().clear();
  if (auto started = source.migrate(uri, deadline); !started) return fail(started.error());
  if (!(*target)->events().wait("RESUME", "MIGRATION failed", deadline)) {
    const auto info = source.query(deadline);
    return fail(Code::internal, "the guest never resumed: " + (info ? info->error_desc : info.error().message));
  }
  BareFigures figures;
  figures.total_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
  if (!guest_->events().wait("MIGRATION completed", "MIGRATION failed", deadline))
    return fail(Code::internal, "the source does not say that it is done");
  const auto info = source.query_final(deadline);
  if (!info) return fail(info.error());
  figures.downtime_ms = static_cast<double>(info->downtime_ms);
  figures.bytes = static_cast<double>(info->ram.transferred);
  guest_ = std::move(*target);
  ++generation_;
  return figures;
}

}  // namespace godwit::bench
