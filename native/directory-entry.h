#pragma once

#include <napi.h>

namespace vkrun {

// Names are looked up relative to an open directory, as openat(2) and its kin do it. `path` and `name` are bytes.
// Each answers a promise of a number.

// openAt({ fd, path, flags, mode, resolve, status? }): the new descriptor. With `resolve` other than 0 it is openat2(2).
// With `status`, 256 bytes, also what statx(2) says of what was opened.
Napi::Value OpenAt(const Napi::CallbackInfo& info);

// statusOf({ fd, status }): 0. statx(2) of an open file, into 256 bytes.
Napi::Value StatusOf(const Napi::CallbackInfo& info);

// makeDirectoryAt({ fd, path, mode }), makeNodeAt({ fd, path, mode, device }), symlinkAt({ target, fd, path }): 0.
Napi::Value MakeDirectoryAt(const Napi::CallbackInfo& info);
Napi::Value MakeNodeAt(const Napi::CallbackInfo& info);
Napi::Value SymlinkAt(const Napi::CallbackInfo& info);

// readLinkOf({ fd, into }): the length of what the symbolic link, itself open with O_PATH, says.
Napi::Value ReadLinkOf(const Napi::CallbackInfo& info);

// linkAt({ oldFd, oldPath, newFd, newPath, flags }), renameAt({ oldFd, oldPath, newFd, newPath }), unlinkAt({ fd, path, flags }): 0.
Napi::Value LinkAt(const Napi::CallbackInfo& info);
Napi::Value RenameAt(const Napi::CallbackInfo& info);
Napi::Value UnlinkAt(const Napi::CallbackInfo& info);

// changeOwnerOf({ fd, uid, gid }): 0. 0xffffffff leaves one as it is.
Napi::Value ChangeOwnerOf(const Napi::CallbackInfo& info);

// changeTimes({ path, times }): 0. `times`, 32 bytes, is the struct timespec[2] of utimensat(2).
Napi::Value ChangeTimes(const Napi::CallbackInfo& info);

// readDirectory({ fd, offset, into }): how many bytes of struct linux_dirent64 from `offset` on, a BigInt, came.
Napi::Value ReadDirectory(const Napi::CallbackInfo& info);

}  // namespace vkrun
