import { CONNECTION_VARIABLES } from "../inventory/connection-variables.js";
import type { Checked, Diagnostic } from "../model/diagnostic.js";
import type { SourceText } from "../model/source.js";
import type { Document, Path } from "./document.js";
import { documentOf, isMap, own, valueAt } from "./document.js";
import { fastYaml } from "./fast-yaml.js";
import { schemaCheck } from "./schema/check.js";
import { playbookSchema } from "./schema/playbook.js";
import type { SecretPaths } from "./secret-paths.js";
import { templateProblems } from "./template-problems.js";
import { MAX_DEPTH, MAX_VALUES_BY_ALIAS, readYaml } from "./yaml.js";

const CHECK = schemaCheck(playbookSchema);

/** A playbook as far as it can be judged without any host. */
export interface ReadPlaybook {
  /** What was read, right or wrong; unset where the text is no YAML. */
  readonly document?: Document;
  /** Whether it is a list of plays in the schema's form, and can be filled in. */
  readonly isSound: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a playbook's YAML and checks it against the schema; a template may still stand for any value. */
export function readPlaybook(source: SourceText): ReadPlaybook {
  const { value: document, diagnostics: read } = readDocument(source);
  if (document === undefined) return { isSound: false, diagnostics: read };
  const complaints = CHECK.check(document.value, (path, part) => document.locate(path, part), "permitted");
  const templates = templateProblems(document);
  const diagnostics = [...read, ...complaints, ...connectionsInVars(document), ...templates];
  const isSound = complaints.length === 0 && templates.length === 0 && Array.isArray(document.value);
  if (isSound && (document.value as unknown[]).length === 0) {
    const summary = "the playbook has no plays";
    diagnostics.push({ severity: "warning", code: "empty-playbook", summary, at: document.locate([]) });
  }
  return { document, isSound, diagnostics };
}

/**
 * How a host is reached is the same for all plays that name it, and for commands without a playbook: what a play says
 * about that would not be heeded, though it is to Ansible.
 */
function connectionsInVars(document: Document): Diagnostic[] {
  const plays = Array.isArray(document.value) ? (document.value as unknown[]) : [];
  return plays.flatMap((play, i) => {
    const vars = isMap(play) ? own(play, "vars") : undefined;
    return Object.keys(isMap(vars) ? vars : {}).filter((name) => CONNECTION_VARIABLES.has(name)).map((name): Diagnostic => ({
      severity: "error", code: "misplaced-key", at: document.locate([i, "vars", name], "key"),
      summary: `'${name}' says how a host is reached, and belongs to the inventory, not to a play`,
      fix: /pass(word)?$/.test(name)
        ? "Be asked for it (-K), or set it in a vaulted file of group_vars or host_vars"
        : `Set it for a group or a host of the inventory, in group_vars or host_vars, or by -e ${name}=…`,
    }));
  });
}

/**
 * Values come from a fast parser where nothing is out of the ordinary; places are looked up by the slow one, once
 * somebody asks for one.
 */
function readDocument(source: SourceText): Checked<Document> {
  const slow = (): Checked<Document> => readYaml(source, { duplicateKeys: "error", ansible: false });
  const quick = fastYaml(source.text, { numbers: "plain", maxDepth: MAX_DEPTH, maxValuesByAlias: MAX_VALUES_BY_ALIAS });
  if (quick === undefined || quick.typedKeys) return slow();
  let document: Document | undefined;
  const locate: Document["locate"] = (path, part) => {
    document ??= slow().value ?? documentOf(null, { source, start: 0, end: 0 });
    return document.locate(path, part);
  };
  return { value: { source, value: quick.value, locate }, diagnostics: [] };
}

/**
 * The second check of a play or a part of one: of what templates have made.
 * @param secrets what of it no complaint shows
 */
export function checkFilled(document: Document, play: number, value: unknown, secrets: SecretPaths): Checked<unknown>["diagnostics"] {
  const pathOf = (inner: Path): Path => [play, ...inner.slice(1)];
  return CHECK.check([value], (inner, part) => document.locate(pathOf(inner), part), "filled in", {
    written: (inner) => valueAt(document.value, pathOf(inner)), isSecret: (inner) => secrets.touches(pathOf(inner)),
  });
}
