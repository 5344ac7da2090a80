/**
 * The layers of ARCHITECTURE.md, enforced:
 *
 *   cli -> api (src/index.ts, src/api) -> machine -> devices -> { src/wasm, backends, native }
 *   checkpoint (the format of the file) -> native; machine, api and cli may import it
 *   images -> boot -> { backends, native }; errors.ts may be imported by everyone
 *   assembly/ imports only assembly/; assembly/shared/ imports nothing
 */

const api = "^src/(index\\.ts|api/)";

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment: "A cycle means that two files are really one; type-only imports may point both ways.",
      severity: "error",
      from: { path: "^src" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-unresolvable",
      comment: "An import that resolves to nothing fails only when it is reached; find it here instead.",
      severity: "error",
      from: {},
      // Written by the build.
      to: { couldNotResolve: true, pathNot: "/generated/" },
    },
    {
      name: "no-undeclared-packages",
      comment: "What dist/ imports must be in dependencies, or an installed vkrun does not start.",
      severity: "error",
      from: { path: "^src" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "errors-import-nothing",
      comment: "Everyone imports errors.ts, so it can import no one.",
      severity: "error",
      from: { path: "^src/errors\\.ts$" },
      to: {},
    },
    {
      name: "cli-is-the-top",
      comment: "The command is one user of the API among others: nothing may depend on it.",
      severity: "error",
      from: { pathNot: "^(src/cli|test)/" },
      to: { path: "^src/cli/" },
    },
    {
      name: "only-cli-imports-api",
      comment: "The API stands on the machine, never the other way round.",
      severity: "error",
      from: { path: "^src/", pathNot: [api, "^src/cli/"] },
      to: { path: api },
    },
    {
      name: "cli-goes-through-api",
      comment: "What the command can do, an embedder can do: it has no back door to the machine or its devices.",
      severity: "error",
      from: { path: "^src/cli/" },
      to: { path: "^src/(machine|devices|wasm|generated)/" },
    },
    {
      name: "only-api-imports-machine",
      comment: "The machine is assembled in one place; devices, backends and boot know nothing of it.",
      severity: "error",
      from: { path: "^src/", pathNot: [api, "^src/machine/"] },
      to: { path: "^src/machine/" },
    },
    {
      name: "device-knows-no-other-device",
      comment:
        "A device gets guest memory, an interrupt line and a backend, nothing else. The interfaces (device.ts) and the port to a " +
        "character backend (char-port.ts) are what devices stand on.",
      severity: "error",
      from: { path: "^src/devices/([^/]+)\\.ts$" },
      to: {
        path: "^src/devices/[^/]+\\.ts$",
        pathNot: ["^src/devices/(device|char-port)\\.ts$", "^src/devices/$1\\.ts$"],
      },
    },
    {
      name: "devices-stand-on-wasm-and-backends",
      comment: "Below devices there are only the bindings of the wasm core, backends, the addon and errors.",
      severity: "error",
      from: { path: "^src/devices/" },
      to: { path: "^src/", pathNot: "^src/(devices|wasm|generated|backends)/|^src/(native|errors)\\.ts$" },
    },
    {
      name: "backend-knows-no-device",
      comment: "A backend moves bytes between the host and whoever asks; virtio and the guest are not its business.",
      severity: "error",
      from: { path: "^src/backends/" },
      to: { path: "^src/", pathNot: "^src/backends/|^src/(native|errors)\\.ts$" },
    },
    {
      name: "boot-stands-on-backends",
      comment: "Finding a kernel on a disk needs bytes of the disk, not a machine.",
      severity: "error",
      from: { path: "^src/boot/" },
      to: { path: "^src/", pathNot: "^src/(boot|backends|generated)/|^src/(native|errors)\\.ts$" },
    },
    {
      name: "images-stand-on-boot",
      comment: "Building an image needs packages, files and a disk; a machine, where it takes one, is handed in.",
      severity: "error",
      from: { path: "^src/images/" },
      to: { path: "^src/", pathNot: "^src/(images|boot|backends|generated)/|^src/(native|errors)\\.ts$" },
    },
    {
      name: "checkpoint-files-stand-on-the-addon",
      comment: "The format of the file knows pages and sections, not what a machine keeps in them.",
      severity: "error",
      from: { path: "^src/checkpoint/" },
      to: { path: "^src/", pathNot: "^src/checkpoint/|^src/(native|errors)\\.ts$" },
    },
    {
      name: "wasm-bindings-stand-alone",
      comment: "The bindings of the wasm core know its exports and layout, nothing above.",
      severity: "error",
      from: { path: "^src/wasm/" },
      to: { path: "^src/", pathNot: "^src/(wasm|generated)/|^src/errors\\.ts$" },
    },
    {
      name: "one-door-to-the-addon",
      comment: "Only src/native.ts loads the .node file, so only it must cope with its absence.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/native\\.ts$" },
      to: { path: "node_modules/(node-gyp-build|node-addon-api|bindings)/|\\.node$" },
    },
    {
      name: "assembly-stands-alone",
      comment: "asc compiles assembly/ and nothing else.",
      severity: "error",
      from: { path: "^assembly/" },
      to: { pathNot: "^(assembly/|\\.)" },
    },
    {
      name: "shared-imports-nothing",
      comment: "assembly/shared/ holds constants of the specifications; asc and tsc both compile it.",
      severity: "error",
      from: { path: "^assembly/shared/" },
      to: { pathNot: "^(assembly/shared/|\\./)" },
    },
    {
      name: "src-sees-no-assembly",
      comment: "Layout and the specifications' constants reach the host through src/generated/; the rest is wasm.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^assembly/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|build)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "node", "default"] },
  },
};
