#include "http/pki.hpp"

#include <openssl/rand.h>

#include "http/openssl.hpp"

namespace godwit::http {
namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

PrivateKey generate_key() { return PrivateKey{EVP_EC_gen("P-256")}; }

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                             static_cast<int>(value.size()), -1, 0);
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension{
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())};
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

void set_random_serial(X509* certificate) {
  unsigned char bytes[16];
  RAND_bytes(bytes, sizeof bytes);
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3fU) | 0x40U);
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number{BN_bin2bn(bytes, sizeof bytes, nullptr)};
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

Certificate blank_certificate(EVP_PKEY* key, Duration lifetime) {
  Certificate certificate{X509_new()};
  X509_set_version(certificate.get(), 2);
  set_random_serial(certificate.get());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -300);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()),
                  static_cast<long>(std::chrono::duration_cast<std::chrono::seconds>(lifetime).count()));
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

KeyPair to_pem(X509* certificate, EVP_PKEY* key) {
  const Bio certificate_bio{BIO_new(BIO_s_mem())};
  const Bio key_bio{BIO_new(BIO_s_mem())};
  PEM_write_bio_X509(certificate_bio.get(), certificate);
  PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(certificate_bio.get()), text_of(key_bio.get())};
}

std::string alternative_names(const LeafRequest& leaf) {
  std::string names;
  const auto add = [&](const char* kind, const std::string& value) {
    if (!names.empty()) names += ",";
    names += std::string{kind} + ":" + value;
  };
  for (const std::string& name : leaf.dns_names) add("DNS", name);
  for (const std::string& address : leaf.ip_addresses) add("IP", address);
  return names;
}

}  // namespace

PeerIdentity identity_of(X509* certificate) {
  PeerIdentity identity;
  X509_NAME* subject = X509_get_subject_name(certificate);
  for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
    X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, i);
    const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    if (size < 0) continue;
    std::string value{reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size)};
    OPENSSL_free(utf8);
    if (nid == NID_commonName)
      identity.common_name = std::move(value);
    else if (nid == NID_organizationName)
      identity.organizations.push_back(std::move(value));
  }
  return identity;
}

Result<KeyPair> make_ca(const std::string& common_name) {
  const PrivateKey key = generate_key();
  if (!key) return fail_openssl("cannot generate a key");
  const Certificate certificate = blank_certificate(key.get(), std::chrono::hours{24 * 3650});
  add_name(X509_get_subject_name(certificate.get()), "CN", common_name);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  X509* self = certificate.get();
  if (!add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE") ||
      !add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(self, self, NID_subject_key_identifier, "hash") || X509_sign(self, key.get(), EVP_sha256()) == 0) {
    return fail_openssl("cannot make the CA");
  }
  return to_pem(self, key.get());
}

Result<KeyPair> issue(const KeyPair& ca, const LeafRequest& leaf) {
  const auto ca_certificate = read_certificate(ca.certificate_pem);
  if (!ca_certificate) return fail(ca_certificate.error().within("CA"));
  const auto ca_key = read_key(ca.key_pem);
  if (!ca_key) return fail(ca_key.error().within("CA"));
  const PrivateKey key = generate_key();
  if (!key) return fail_openssl("cannot generate a key");
  const Certificate certificate = blank_certificate(key.get(), leaf.lifetime);
  X509* made = certificate.get();
  for (const std::string& organization : leaf.organizations) add_name(X509_get_subject_name(made), "O", organization);
  add_name(X509_get_subject_name(made), "CN", leaf.common_name);
  X509_set_issuer_name(made, X509_get_subject_name(ca_certificate->get()));
  X509* issuer = ca_certificate->get();
  std::string usage;
  if (leaf.for_server) usage = "serverAuth";
  if (leaf.for_client) usage += usage.empty() ? "clientAuth" : ",clientAuth";
  const std::string names = alternative_names(leaf);
  if (!add_extension(made, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(made, issuer, NID_key_usage, "critical,digitalSignature") ||
      (!usage.empty() && !add_extension(made, issuer, NID_ext_key_usage, usage)) ||
      !add_extension(made, issuer, NID_subject_key_identifier, "hash") ||
      !add_extension(made, issuer, NID_authority_key_identifier, "keyid") ||
      (!names.empty() && !add_extension(made, issuer, NID_subject_alt_name, names)) ||
      X509_sign(made, ca_key->get(), EVP_sha256()) == 0) {
    return fail_openssl("cannot issue a certificate for " + leaf.common_name);
  }
  return to_pem(made, key.get());
}

Result<PeerIdentity> subject_of(const std::string& certificate_pem) {
  const auto certificate = read_certificate(certificate_pem);
  if (!certificate) return fail(certificate.error());
  return identity_of(certificate->get());
}

}  // namespace godwit::http
