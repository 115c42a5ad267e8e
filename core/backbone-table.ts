import { blockCosts } from './backbone-costs.ts';
import { backboneFacts, backboneNames } from './backbone-facts.ts';

/** The table of docs/which-network.md: one line of Markdown a network. */
export function backboneTable(): string[] {
  const rows = backboneNames.map((name) => {
    const { defaultSizePx, normalization, hasImagenet } = backboneFacts[name];
    const costs = blockCosts(name);
    const sum = (pick: (cost: (typeof costs)[number]) => number): number =>
      costs.reduce((total, cost) => total + pick(cost), 0);
    const millions = (count: number): string => (count / 1e6).toFixed(count < 1e8 ? 2 : 0);
    const cells = [
      `\`${name}\``,
      millions(sum(({ weights }) => weights)),
      millions(sum(({ multiplyAdds }) => multiplyAdds)),
      String(defaultSizePx),
      String(costs.at(-1)?.channels ?? 0),
      normalization,
      hasImagenet ? 'fetched' : 'a file of yours',
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| network | parameters, million | multiply-adds, million | size, px | features | normalization | ImageNet weights |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ];
}
