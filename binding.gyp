{
  "targets": [
    {
      "target_name": "vkrun",
      "sources": [
        "native/module.cc",
        "native/arguments.cc",
        "native/crc32c.cc",
        "native/descriptor.cc",
        "native/directory-entry.cc",
        "native/extended-attribute.cc",
        "native/file.cc",
        "native/file-io.cc",
        "native/heap.cc",
        "native/interface.cc",
        "native/internet-checksum.cc",
        "native/memory.cc",
        "native/packets.cc",
        "native/page-io.cc",
        "native/pool-call.cc",
        "native/read-ahead.cc",
        "native/record-lock.cc",
        "native/socket.cc",
        "native/tap.cc",
        "native/tty.cc",
        "native/watch.cc"
      ],
      "libraries": ["-lutil"],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "_GNU_SOURCE", "_FILE_OFFSET_BITS=64"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags_cc": ["-std=c++17", "-fexceptions", "-Wall", "-Wextra", "-Wno-unused-parameter"]
    }
  ]
}
