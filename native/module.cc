// The addon's table of contents. It has no policy: each file wraps one family of system calls, each call takes
// one options object, and a failing call throws with the errno's name. src/native.ts is its only caller.
#include <napi.h>

#include "descriptor.h"
#include "directory-entry.h"
#include "extended-attribute.h"
#include "file-io.h"
#include "file.h"
#include "heap.h"
#include "interface.h"
#include "internet-checksum.h"
#include "memory.h"
#include "packets.h"
#include "page-io.h"
#include "read-ahead.h"
#include "record-lock.h"
#include "socket.h"
#include "tap.h"
#include "tty.h"
#include "watch.h"

namespace vkrun {

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  // descriptor.cc
  exports.Set("closeDescriptor", Napi::Function::New(env, CloseDescriptor, "closeDescriptor"));
  exports.Set("setNonBlocking", Napi::Function::New(env, SetNonBlocking, "setNonBlocking"));
  exports.Set("setCloseOnExec", Napi::Function::New(env, SetCloseOnExec, "setCloseOnExec"));
  // directory-entry.cc
  exports.Set("openAt", Napi::Function::New(env, OpenAt, "openAt"));
  exports.Set("statusOf", Napi::Function::New(env, StatusOf, "statusOf"));
  exports.Set("makeDirectoryAt", Napi::Function::New(env, MakeDirectoryAt, "makeDirectoryAt"));
  exports.Set("makeNodeAt", Napi::Function::New(env, MakeNodeAt, "makeNodeAt"));
  exports.Set("symlinkAt", Napi::Function::New(env, SymlinkAt, "symlinkAt"));
  exports.Set("readLinkOf", Napi::Function::New(env, ReadLinkOf, "readLinkOf"));
  exports.Set("linkAt", Napi::Function::New(env, LinkAt, "linkAt"));
  exports.Set("renameAt", Napi::Function::New(env, RenameAt, "renameAt"));
  exports.Set("unlinkAt", Napi::Function::New(env, UnlinkAt, "unlinkAt"));
  exports.Set("changeOwnerOf", Napi::Function::New(env, ChangeOwnerOf, "changeOwnerOf"));
  exports.Set("changeTimes", Napi::Function::New(env, ChangeTimes, "changeTimes"));
  exports.Set("readDirectory", Napi::Function::New(env, ReadDirectory, "readDirectory"));
  // extended-attribute.cc
  exports.Set("getAttribute", Napi::Function::New(env, GetAttribute, "getAttribute"));
  exports.Set("listAttributes", Napi::Function::New(env, ListAttributes, "listAttributes"));
  exports.Set("setAttribute", Napi::Function::New(env, SetAttribute, "setAttribute"));
  exports.Set("removeAttribute", Napi::Function::New(env, RemoveAttribute, "removeAttribute"));
  // file.cc
  exports.Set("lockFile", Napi::Function::New(env, LockFile, "lockFile"));
  // file-io.cc
  exports.Set("readNow", Napi::Function::New(env, ReadNow, "readNow"));
  exports.Set("writeNow", Napi::Function::New(env, WriteNow, "writeNow"));
  exports.Set("readFile", Napi::Function::New(env, ReadFile, "readFile"));
  exports.Set("writeFile", Napi::Function::New(env, WriteFile, "writeFile"));
  exports.Set("allocateFile", Napi::Function::New(env, AllocateFile, "allocateFile"));
  // heap.cc
  exports.Set("trimHeap", Napi::Function::New(env, TrimHeap, "trimHeap"));
  // interface.cc
  exports.Set("interfaceState", Napi::Function::New(env, InterfaceState, "interfaceState"));
  exports.Set("setInterfaceUp", Napi::Function::New(env, SetInterfaceUp, "setInterfaceUp"));
  exports.Set("setInterfaceMtu", Napi::Function::New(env, SetInterfaceMtu, "setInterfaceMtu"));
  exports.Set("addToBridge", Napi::Function::New(env, AddToBridge, "addToBridge"));
  // internet-checksum.cc
  exports.Set("internetSum", Napi::Function::New(env, InternetSum, "internetSum"));
  // memory.cc
  exports.Set("pageSize", Napi::Number::New(env, PageSize()));
  exports.Set("residentBytes", Napi::Function::New(env, ResidentBytes, "residentBytes"));
  exports.Set("discardMemory", Napi::Function::New(env, DiscardMemory, "discardMemory"));
  exports.Set("mapFile", Napi::Function::New(env, MapFile, "mapFile"));
  exports.Set("mapAnonymous", Napi::Function::New(env, MapAnonymous, "mapAnonymous"));
  exports.Set("adviseMemory", Napi::Function::New(env, AdviseMemory, "adviseMemory"));
  exports.Set("createMemfd", Napi::Function::New(env, CreateMemfd, "createMemfd"));
  // packets.cc
  exports.Set("writePackets", Napi::Function::New(env, WritePackets, "writePackets"));
  exports.Set("readPackets", Napi::Function::New(env, ReadPackets, "readPackets"));
  // page-io.cc
  exports.Set("crc32c", Napi::Function::New(env, Crc32cOf, "crc32c"));
  exports.Set("writeGuestPages", Napi::Function::New(env, WriteGuestPages, "writeGuestPages"));
  exports.Set("writeGuestCopies", Napi::Function::New(env, WriteGuestCopies, "writeGuestCopies"));
  exports.Set("readGuestPages", Napi::Function::New(env, ReadGuestPages, "readGuestPages"));
  exports.Set("checkGuestPages", Napi::Function::New(env, CheckGuestPages, "checkGuestPages"));
  exports.Set("zeroesIn", Napi::Function::New(env, ZeroesIn, "zeroesIn"));
  // read-ahead.cc
  exports.Set("ReadAhead", ReadAheadClass(env));
  // record-lock.cc
  exports.Set("lockRange", Napi::Function::New(env, LockRange, "lockRange"));
  exports.Set("testLock", Napi::Function::New(env, TestLock, "testLock"));
  // socket.cc
  exports.Set("openSocketPair", Napi::Function::New(env, OpenSocketPair, "openSocketPair"));
  // tap.cc
  exports.Set("openTap", Napi::Function::New(env, OpenTap, "openTap"));
  exports.Set("setTapOffloads", Napi::Function::New(env, SetTapOffloads, "setTapOffloads"));
  exports.Set("setTapPersistent", Napi::Function::New(env, SetTapPersistent, "setTapPersistent"));
  exports.Set("setTapOwner", Napi::Function::New(env, SetTapOwner, "setTapOwner"));
  // tty.cc
  exports.Set("openPty", Napi::Function::New(env, OpenPty, "openPty"));
  exports.Set("setRawMode", Napi::Function::New(env, SetRawMode, "setRawMode"));
  exports.Set("restoreMode", Napi::Function::New(env, RestoreMode, "restoreMode"));
  exports.Set("windowSize", Napi::Function::New(env, WindowSize, "windowSize"));
  exports.Set("setWindowSize", Napi::Function::New(env, SetWindowSize, "setWindowSize"));
  // watch.cc
  exports.Set("DescriptorWatch", DescriptorWatchClass(env));
  return exports;
}

NODE_API_MODULE(vkrun, Init)

}  // namespace vkrun
