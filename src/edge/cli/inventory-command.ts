import { Command, Option } from "commander";
import type { Inventory, InventoryHost } from "../../core/inventory/inventory.js";
import { matchHosts, matchLimit } from "../../core/inventory/pattern.js";
import { exportYaml } from "../../core/inventory/show/export-yaml.js";
import { graphText } from "../../core/inventory/show/graph.js";
import { hostText, listText } from "../../core/inventory/show/list.js";
import type { InventoryView } from "../../core/inventory/show/view.js";
import { didYouMean } from "../../core/load/suggest.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import { usableWidth } from "../../core/render/view.js";
import { complaintLines, stylesOf } from "./complaint-lines.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import { Refusal, refusal } from "./failure.js";
import { localFiles } from "./files.js";
import type { InventoryOptions } from "./options.js";
import { withInventoryOptions, withLimit } from "./options.js";
import type { Session } from "./session.js";
import { knownHosts } from "./surroundings.js";

interface ShowOptions extends InventoryOptions {
  readonly limit: readonly string[];
  readonly list?: boolean;
  /** commander gives `true` where no group was named. */
  readonly graph?: string | true;
  readonly vars?: boolean;
  readonly host?: string;
  readonly export?: "yaml";
  readonly playbookDir?: string;
}

const HELP = `
--list and --host print the JSON that ansible-inventory prints, --graph its
text.
Vaulted values stay as they are in --list and --export; vaulted files are read.
`;

/** `converge inventory`: what Ansible's inventories say, as ansible-inventory prints it. */
export function inventoryCommand(session: Pick<Session, "console">, done: (exit: ExitCode) => void): Command {
  return withLimit(withInventoryOptions(new Command("inventory")))
    .description("show hosts, groups and variables of inventories; no host is contacted")
    .option("--list", "all groups and hosts with their variables, as JSON")
    .option("--graph [group]", "groups and hosts as a tree, from a group or from `all`")
    .option("--vars", "with --graph: variables too")
    .option("--host <name>", "variables of one host, as JSON")
    .addOption(new Option("--export <format>", "all of it as one inventory file").choices(["yaml"]))
    .option("--playbook-dir <dir>", "where group_vars and host_vars lie besides (without it: the current folder, for hosts)")
    .addHelpText("after", HELP)
    .action(async (options: ShowOptions) => {
      const asked = [options.list, options.graph, options.host, options.export].filter((option) => option !== undefined);
      if (asked.length !== 1) {
        throw refusal("bad-usage", "one of --list, --graph, --host and --export is needed, and not two", "Start with: converge inventory -i FILE --graph");
      }
      const { view, diagnostics } = await viewOf(options, session);
      const text = textOf(view, options);
      const { errStyle } = stylesOf(session.console, !options.color);
      const complaints = complaintLines(diagnostics, errStyle, usableWidth(session.console.columns));
      if (complaints.length > 0) session.console.err(`${complaints.join("\n")}\n`);
      if (typeof text !== "string") throw new Refusal([text]);
      session.console.out(text);
      done(EXIT.done);
    });
}

async function viewOf(options: ShowOptions, session: Pick<Session, "console">): Promise<{ readonly view: InventoryView; readonly diagnostics: readonly Diagnostic[] }> {
  const known = await knownHosts(options, session, options.playbookDir, "exact");
  const view = { inventory: known.inventory, extraVars: known.extraVars, playbookNamed: options.playbookDir !== undefined };
  if (options.limit.length === 0) return { view, diagnostics: known.diagnostics };
  const limit = matchLimit(options.limit, known.inventory, localFiles);
  const diagnostics = [...known.diagnostics, ...limit.diagnostics];
  if (limit.value === undefined) throw new Refusal(diagnostics);
  return { view: { ...view, limit: new Set(limit.value) }, diagnostics };
}

function textOf(view: InventoryView, options: ShowOptions): string | Diagnostic {
  if (options.host !== undefined) return hostText(view, oneHost(options.host, view.inventory));
  if (options.export !== undefined) return exportYaml(view);
  if (options.graph === undefined) return listText(view);
  const name = options.graph === true ? "all" : options.graph;
  const group = view.inventory.groups.get(name);
  if (group !== undefined) return graphText(view, group, options.vars === true);
  throw refusal("undefined-group", `--graph begins at a group, and none is called '${name}'`, didYouMean(name, view.inventory.groups.keys()));
}

/** As in Ansible a pattern may name it, if it means one host. */
function oneHost(pattern: string, inventory: Inventory): InventoryHost {
  const matched = matchHosts(pattern, inventory, { source: { file: "--host", text: pattern }, start: 0, end: pattern.length });
  const [name, ...more] = matched.value ?? [];
  const host = name === undefined ? undefined : inventory.hosts.get(name);
  if (host !== undefined && more.length === 0) return host;
  if (matched.diagnostics.length > 0) throw new Refusal(matched.diagnostics.map((d) => ({ ...d, severity: "error" })));
  throw refusal("bad-usage", `--host takes one host, and '${pattern}' means ${more.length + (name === undefined ? 0 : 1)}`, "Name one host.");
}
