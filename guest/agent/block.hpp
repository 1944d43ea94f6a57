// The guest's disks as it sees them, and files on those with an ISO 9660 file system.
#pragma once

#include <string>
#include <string_view>

namespace godwit::guest {

/// "ok vda=67108864 sr0=378880": every disk with its size in bytes.
std::string list_disks();
/// The first line of a file on the disk with that label: "ok device=sr0 bytes=12 sum=… line=…"; the sum is the FNV-1a
/// of the whole file in hexadecimal, spaces in the line are underscores.
std::string read_labelled(std::string_view label, std::string_view path);
/// Writes a line into the disk's first block, and reads it back past the cache: "ok"; or tells what is there.
std::string write_block(std::string_view device, std::string_view text);
std::string read_block(std::string_view device);

}  // namespace godwit::guest
