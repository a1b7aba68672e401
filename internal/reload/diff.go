package reload

import (
	"maps"
	"reflect"
	"slices"
)

// Diff returns the paths of the keys whose values differ in two decoded YAML mappings, such as
// "fanout.origins", sorted. A list counts as one value.
func Diff(before, after map[string]any) []string {
	var paths []string
	diff("", before, after, &paths)
	slices.Sort(paths)
	return paths
}

func diff(prefix string, before, after map[string]any, paths *[]string) {
	keys := map[string]any{}
	maps.Copy(keys, before)
	maps.Copy(keys, after)
	for key := range keys {
		old, isOld := before[key].(map[string]any)
		current, isCurrent := after[key].(map[string]any)
		_, hasOld := before[key]
		_, hasCurrent := after[key]
		switch {
		case reflect.DeepEqual(before[key], after[key]) && hasOld == hasCurrent:
		case (isOld || !hasOld) && (isCurrent || !hasCurrent) && len(old)+len(current) > 0:
			diff(prefix+key+".", old, current, paths)
		default:
			*paths = append(*paths, prefix+key)
		}
	}
}
