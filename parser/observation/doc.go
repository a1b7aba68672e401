// Package observation defines what one page says about one match: teams, status, clock, score and
// incidents. Nothing in an [Observation] is inferred, or taken from other pages.
//
// The package also compares names as pages write them: with lost letters, encoded twice, or as an
// alias.
package observation
