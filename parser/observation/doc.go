// Package observation defines the facts about one match on one page: teams, status, clock, score
// and incidents. An [Observation] contains no facts from other pages. The package also compares
// names that are damaged, encoded twice, or aliases.
package observation
