// Package observation defines the facts about one match on one page: teams, status, clock, score
// and incidents. An [Observation] contains no facts from other pages. The package also
// repairs names that were encoded twice, and compares names that are damaged or aliases.
package observation
