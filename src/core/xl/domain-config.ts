import type { Checked, Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { DomainConfig, Tie } from "../model/domain.js";
import type { SourceText } from "../model/source.js";
import { readDisks } from "./disks.js";
import { parseXlConfig } from "./parse.js";
import type { XlSettings } from "./settings.js";
import { settledBy } from "./settled.js";
import { evaluate, numberOf, stringOf, stringsOf } from "./settings.js";

/** A config together with the name of the guest that it defines. */
export interface NamedDomainConfig extends DomainConfig {
  readonly name: string;
}

const SHUTDOWN_ACTIONS = [
  "destroy",
  "restart",
  "rename-restart",
  "preserve",
  "coredump-destroy",
  "coredump-restart",
  "soft-reset",
];

/**
 * Reads what converge wants to know of a guest's xl config, with the defaults that xl has (parse_config_data
 * in tools/xl/xl_parse.c): an unset on_poweroff destroys, an unset on_reboot restarts, an unset type is a PV
 * guest (on x86).
 * @param path of the file on the host
 * @param text its content, decoded with `ignoreBOM: true`, under the name that the user shall see
 * @param sha256 of the file's bytes
 * @param mode as `stat -c %a` prints it
 * @returns no value where xl would refuse to create the guest for what the file says
 */
export function readDomainConfig(
  path: string,
  text: SourceText,
  sha256: string,
  inode: number,
  mode: string,
): Checked<NamedDomainConfig> {
  const parsed = parseXlConfig(text);
  if (parsed.value === undefined) return { value: undefined, diagnostics: parsed.diagnostics };
  const { source } = parsed.value;
  const settings = evaluate(parsed.value);
  const { disks, diagnostics: aboutDisks } = readDisks(parsed.value, settings);
  const diagnostics: Diagnostic[] = [...parsed.diagnostics, ...aboutDisks];
  const refuse = (key: string, summary: string, fix?: string): void => {
    const statement = settings.get(key)?.statements.at(-1);
    diagnostics.push({
      severity: "error",
      code: "xl-setting",
      summary,
      at:
        statement === undefined
          ? { source, start: 0, end: 0 }
          : { source, start: statement.value.start, end: statement.value.end },
      ...(fix === undefined ? {} : { fix }),
    });
  };

  const name = stringOf(settings, "name");
  if (name === undefined || name === "") {
    refuse("name", "the config gives its guest no name", 'Add a line such as name = "web1".');
  }
  const onShutdown = (key: "on_poweroff" | "on_reboot", otherwise: string): string => {
    const action = stringOf(settings, key) ?? otherwise;
    if (!SHUTDOWN_ACTIONS.includes(action)) {
      refuse(key, `xl knows no ${key} action '${action}'`, `Use one of ${SHUTDOWN_ACTIONS.join(", ")}.`);
    }
    return action;
  };
  const onPoweroff = onShutdown("on_poweroff", "destroy");
  const onReboot = onShutdown("on_reboot", "restart");
  const uuid = stringOf(settings, "uuid");
  if (uuid !== undefined && !/^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(uuid)) {
    refuse("uuid", `'${uuid}' is no UUID`);
  }
  const memoryMiB = numberOf(settings, "memory");
  const type = typeOf(settings, refuse);

  if (hasErrors(diagnostics) || name === undefined) return { value: undefined, diagnostics };
  return {
    diagnostics,
    value: {
      name,
      path,
      text,
      sha256,
      inode,
      mode,
      disks: disks.map(({ disk }) => disk),
      networkCards: stringsOf(settings, "vif").length,
      addresses: addressesOf(settings),
      onPoweroff,
      onReboot,
      type,
      ties: tiesOf(settings, type),
      settled: settledBy(settings, type),
      ...(uuid === undefined ? {} : { uuid: uuid.toLowerCase() }),
      ...(memoryMiB === undefined ? {} : { memoryMiB }),
    },
  };
}

const PASSED_THROUGH = ["pci", "usbdev", "rdm", "dtdev"];
const DEVICE_MODEL_ARGUMENTS = ["device_model_args", "device_model_args_hvm", "device_model_args_pv"];
/** xl takes `bootloader` too for a guest whose kernel Dom0 gets out of the guest's own disk. */
const KERNELS = ["kernel", "bootloader"];

/**
 * Whether Dom0 gets the guest its kernel. Of an HVM guest xl overlooks one that is called `hvmloader`, as xm wanted it of all of them
 * (parse_config_data), and libxl runs no boot loader for it (libxl__bootloader_run): its firmware looks at its disks all the same.
 */
function isGivenKernel(settings: XlSettings, type: DomainConfig["type"], isGiven: (key: string) => boolean): boolean {
  if (type !== "hvm") return KERNELS.some(isGiven);
  return isGiven("kernel") && (stringOf(settings, "kernel") ?? "").replace(/^.*\//s, "") !== "hvmloader";
}

function tiesOf(settings: XlSettings, type: DomainConfig["type"]): readonly Tie[] {
  const isGiven = (key: string): boolean => {
    const value = settings.get(key)?.value;
    return value?.kind === "list" ? value.items.length > 0 : value !== undefined && value.text !== "";
  };
  const names = (key: string, option: string): boolean =>
    stringsOf(settings, key).some(({ value }) => value.split(",").some((part) => part.trimStart().startsWith(option) && /^[ \t]*=/.test(part.trimStart().slice(option.length))));
  const ties: readonly (readonly [Tie, boolean])[] = [
    ["passed-through", PASSED_THROUGH.some(isGiven)],
    ["no-migration", (numberOf(settings, "nomigrate") ?? 0) !== 0],
    ["named-card", names("vif", "vifname")],
    ["fixed-display", isGiven("vncdisplay") || names("vfb", "vncdisplay")],
    ["device-model-arguments", DEVICE_MODEL_ARGUMENTS.some(isGiven)],
    ["kernel", isGivenKernel(settings, type, isGiven)],
  ];
  return ties.flatMap(([tie, holds]) => (holds ? [tie] : []));
}

/** xl compares only as many letters as the config gives: `type = "p"` is a PV guest. */
function typeOf(settings: XlSettings, refuse: (key: string, summary: string) => void): DomainConfig["type"] {
  const type = stringOf(settings, "type");
  const builder = stringOf(settings, "builder");
  const byType =
    type === undefined ? undefined : (["hvm", "pv", "pvh"] as const).find((t) => t.startsWith(type));
  if (type !== undefined && byType === undefined) refuse("type", `xl knows no guest type '${type}'`);
  if (builder === undefined) return byType ?? "pv";
  const byBuilder = "hvm".startsWith(builder) ? "hvm" : "generic".startsWith(builder) ? "pv" : undefined;
  if (byBuilder === undefined) refuse("builder", `xl knows no builder '${builder}'`);
  else if (byType !== undefined && byType !== byBuilder) refuse("builder", "'builder' contradicts 'type'");
  return byType ?? byBuilder ?? "pv";
}

/** Addresses of `vif = [ 'ip=…' ]`: several in one are separated by blanks, and may have a prefix length. */
function addressesOf(settings: XlSettings): string[] {
  const addresses: string[] = [];
  for (const { value } of stringsOf(settings, "vif")) {
    let ip = "";
    for (const option of value.split(",")) {
      const match = /^ *ip=([^]*)$/.exec(option);
      // the last one counts
      if (match !== null) ip = match[1] ?? "";
    }
    for (const word of ip.split(/\s+/)) {
      const address = word.replace(/\/.*$/s, "");
      if (address !== "" && !addresses.includes(address)) addresses.push(address);
    }
  }
  return addresses;
}
