import { describe, expect, it } from 'vitest';
import { ClassHierarchy } from './class-hierarchy.ts';

const leaf = (label: string) => ({ LabelName: label });
/** A racing car is a car and a toy; a wheel is part of a car. */
const tree = {
  LabelName: 'Entity',
  Subcategory: [
    {
      LabelName: 'Vehicle',
      Subcategory: [
        { LabelName: 'Car', Subcategory: [leaf('Limousine'), leaf('Racing car')], Part: [leaf('Wheel')] },
        leaf('Boat'),
      ],
    },
    { LabelName: 'Toy', Subcategory: [leaf('Racing car')] },
    leaf('Tree'),
  ],
};

describe('ClassHierarchy', () => {
  const kinds = new ClassHierarchy(tree, 'x');

  it('knows all classes above and below, by whatever way, without the root and without parts', () => {
    expect(kinds.above('Racing car')).toEqual(['Vehicle', 'Car', 'Toy']);
    expect(kinds.above('Vehicle')).toEqual([]);
    expect(kinds.below('Vehicle')).toEqual(['Car', 'Limousine', 'Racing car', 'Boat']);
    expect(kinds.below('Toy')).toEqual(['Racing car']);
    for (const label of ['Tree', 'Wheel', 'Entity', 'constructor', 'unheard of']) {
      expect([kinds.above(label), kinds.below(label)]).toEqual([[], []]);
    }
  });

  it.each([
    [null, /^HIERARCHY_FORMAT: x — null/],
    [{ Label: 'a' }, /^HIERARCHY_FORMAT: x — a node of Label/],
    [{ LabelName: 'a', Subcategory: {} }, /^HIERARCHY_FORMAT/],
    [{ LabelName: 'r', Subcategory: [{ LabelName: 'a', Subcategory: [leaf('a')] }] }, /a below itself/],
  ])('refuses %j', (value, message) => {
    expect(() => new ClassHierarchy(value, 'x')).toThrow(message);
  });

  it('refuses a tree without end', () => {
    let deep: object = leaf('0');
    for (let level = 1; level < 100_000; level++) deep = { LabelName: String(level), Subcategory: [deep] };
    expect(() => new ClassHierarchy(deep, 'x')).toThrow(/HIERARCHY_FORMAT: x — more than 32 levels/);
  });
});
