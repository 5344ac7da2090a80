// Counting anew what an image refers to: after a program with lazy reference counts died, the dirty bit says that the counts in
// the file are not to be trusted (QEMU, docs/interop/qcow2.txt, "Lazy refcounts").

import type { ByteFile } from "../byte-file.js";
import type { ClusterMap } from "./cluster-map.js";
import { readMapping, readOffset } from "./entries.js";
import { corrupt, type Qcow2Header } from "./header.js";
import type { Refcounts } from "./refcounts.js";

/** Sets every count to what the tables say. Only in memory. */
export async function recount(
  file: ByteFile,
  header: Qcow2Header,
  map: ClusterMap,
  refcounts: Refcounts,
): Promise<void> {
  const { clusterSize } = map;
  const clusters = Math.ceil(file.size / clusterSize);
  const counts = new Uint16Array(clusters);
  const count = (offset: number, length: number): void => {
    const end = Math.floor((offset + length - 1) / clusterSize);
    for (let cluster = Math.floor(offset / clusterSize); cluster <= end; cluster++) {
      if (cluster >= clusters) throw corrupt(file.path, "it refers to clusters behind its end");
      counts[cluster] = (counts[cluster] as number) + 1;
    }
  };
  for (const cluster of refcounts.metadata) if (cluster < clusters) counts[cluster] = 1;
  for (const offset of map.l2Offsets()) {
    const table = await map.loadAt(offset);
    for (let index = 0; index < clusterSize / 8; index++) {
      const mapping = readMapping(table, index, header.clusterBits, header.version);
      if (mapping.kind === "compressed") count(mapping.offset, mapping.length);
      else if (readOffset(table.view, index) !== 0) count(readOffset(table.view, index), clusterSize);
    }
  }
  // Clusters in use first: a block of counts that has to be made must not take one of them.
  for (let cluster = 0; cluster < clusters; cluster++) {
    const wanted = counts[cluster] as number;
    await refcounts.withLoaded(() => {
      if (refcounts.get(cluster) !== wanted) refcounts.set(cluster, wanted);
    });
  }
}
