// The machine's memory map: QEMU's `virt` machine, so that one disk image boots under both.

export const enum MemoryMap {
  TEST_FINISHER = 0x0010_0000,
  RTC = 0x0010_1000,
  /** Where `virt` has nothing. */
  VMGENID = 0x0010_2000,
  CLINT = 0x0200_0000,
  CLINT_SIZE = 0x0001_0000,
  PLIC = 0x0c00_0000,
  PLIC_SIZE = 0x0060_0000,
  UART0 = 0x1000_0000,
  VIRTIO = 0x1000_1000,
  VIRTIO_STRIDE = 0x1000,
  /** Eight are where `virt` has them; the others follow. */
  VIRTIO_SLOTS = 16,
  PAGE_SIZE = 0x1000,
}

export const enum Irq {
  VIRTIO = 1,
  UART0 = 10,
  RTC = 11,
  /** Of the ninth virtio slot and on. */
  VIRTIO_MORE = 12,
  VMGENID = 20,
}
