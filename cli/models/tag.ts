import { Command } from 'commander';
import { inputError } from '../../core/errors.ts';
import { readModel } from '../../infra/clients/registry.ts';
import { changeTags } from '../../infra/clients/version-notes.ts';
import { withStore } from '../lib/services.ts';
import { outputOf, withCommonOptions } from '../output.ts';
import { positive } from '../lib/positive.ts';

const HELP = `
Tags are notes; nothing reads them but people, graft models show and graft models prune, which leaves versions with the tag keep.

Examples:
  graft models tag digits 3 stage=canary reviewed-by=ada
  graft models tag digits 3 keep
  graft models tag digits 3 --remove stage`;

/** `graft models tag NAME VERSION KEY[=VALUE]…`. */
export function tagCommand(): Command {
  const command = withCommonOptions(
    new Command('tag')
      .description('Note something on a version, as key=value; without tags, show those it has.')
      .argument('<name>', 'a model')
      .argument('<version>', 'a version', positive)
      .argument('[tags...]', 'key=value, or a key alone')
      .option('--remove <key>', 'take a tag away (repeatable)', (key: string, before: string[] = []) => [
        ...before,
        key,
      ])
      .addHelpText('after', HELP),
  );
  return command.action(
    async (name: string, version: number, tags: string[], { remove = [] }: { remove?: string[] }) => {
      const output = outputOf(command);
      const changes = new Map<string, string | null>(remove.map((key) => [key, null]));
      for (const tag of tags) {
        const at = tag.indexOf('=');
        changes.set(at === -1 ? tag : tag.slice(0, at), at === -1 ? '' : tag.slice(at + 1));
      }
      const now = await withStore(async (store) => {
        const { versions } = await readModel(store, name);
        if (!versions.some((each) => each.version === version)) {
          const numbers = versions.map((each) => each.version).join(', ');
          throw inputError(
            'MODEL_VERSION',
            `${name} version ${version}`,
            'no such version',
            'a version',
            `one of ${numbers}`,
          );
        }
        return changeTags(store, name, version, Object.fromEntries(changes));
      });
      output.say(`${name} version ${version}: ${tagsText(now) || 'no tags'}`);
      output.result({ name, version, tags: now });
    },
  );
}

export const tagsText = (tags: Readonly<Record<string, string>>): string =>
  Object.entries(tags)
    .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
    .join(', ');
