// The names of kinds and periods of the sports that profiles define, by sport. The server fills them in.
export default {};
