export const loadBackboneWeights = async () => new Map<string, Float32Array>();
