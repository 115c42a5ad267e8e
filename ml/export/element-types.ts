/** Numbers of element types, of tensorflow/core/framework/types.proto: part of the file format. */
export const DT = {
  float: 1,
  double: 2,
  int32: 3,
  uint8: 4,
  int8: 6,
  string: 7,
  int64: 9,
  bool: 10,
  half: 19,
} as const;
