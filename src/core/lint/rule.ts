import type { Severity, Subject } from "../model/diagnostic.js";
import type { Replacement, SourceRange } from "../model/source.js";
import type { Project } from "./project.js";

/** Something that a rule has found. */
export interface Finding {
  readonly at: SourceRange;
  /** One line: what is wrong. No full stop at the end. */
  readonly summary: string;
  readonly detail?: string;
  /** What to do about it: an imperative sentence. */
  readonly fix?: string;
  /** Where this case weighs less, or more, than the rule says. */
  readonly severity?: Severity;
  readonly subject?: Subject;
  /** What mends it in the text of `at`, where that takes no judgement. */
  readonly edits?: readonly Replacement[];
}

/**
 * Something that is wrong, or likely to be, in files that can all be read. A new rule is a file in rules/; its
 * fixtures are test/lint/rules/<name>, its page is docs/lint/<name>.md.
 */
export interface Rule {
  /** Stable: configs and comments name it. Kebab case, the name of its file. */
  readonly name: string;
  /** One line: what it finds. */
  readonly about: string;
  /** What a finding counts as, where no config says otherwise. */
  readonly severity: Severity;
  check(project: Project): readonly Finding[];
}
