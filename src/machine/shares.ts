/** Opens the folders that a machine shares with its guest. */
import type { MessageServer } from "../backends/message-server.js";
import type { ShareConfig } from "./machine-config.js";

export interface Share extends AsyncDisposable {
  readonly tag: string;
  readonly server: MessageServer;
}

/** All folders, or none: what was opened before a failure is closed again. */
export async function openShares(configs: readonly ShareConfig[], replaying: boolean): Promise<Share[]> {
  if (configs.length === 0) return [];
  const { fidLimit } = await import("../backends/9p/shared-folder.js");
  const fids = await fidLimit(configs.length);
  const shares: Share[] = [];
  try {
    for (const config of configs) {
      shares.push(replaying ? recorded(config.tag) : await open(config, fids));
    }
    return shares;
  } catch (error) {
    await Promise.allSettled(shares.map((share) => share[Symbol.asyncDispose]()));
    throw error;
  }
}

async function open({ tag, path, readOnly, owners }: ShareConfig, fids: number): Promise<Share> {
  const [{ NinepServer }, { SharedFolder }] = await Promise.all([
    import("../backends/9p/server.js"),
    import("../backends/9p/shared-folder.js"),
  ]);
  const server = new NinepServer(await SharedFolder.open({ path, readOnly, owners }), fids);
  return { tag, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** In a replay the replies come from the recording, and the folder stays as it is. */
function recorded(tag: string): Share {
  const server: MessageServer = {
    handle: async () => new Uint8Array(0),
    reset: () => {},
    save: () => ({}),
    restore: () => {},
  };
  return { tag, server, [Symbol.asyncDispose]: async () => {} };
}
