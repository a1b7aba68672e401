// Package season generates pages from the facts of real matches, as polls would have fetched them
// during the matches. Tests compare the facts with the events that the parser produces. All random
// choices depend on a seed and on the ID of the match.
//
// # From facts to pages
//
//	match.go       Load reads the matches: one line of JSON for each match
//	timeline.go    the time at which each fact happened, and the clock at each time
//	soccer.go, …   one file for each sport: its timeline, its page styles, its own faults
//	clocked.go     the timeline of sports whose clock counts the seconds of each period
//	rows.go        the rows of the pages over time, and the faults of rows
//	polls.go       the polls of a match, and the faults of pages
//	listing.go     what pages show before a match, and after it
//	pages.go       the HTML of the pages
//	profiles.go    the profiles of the pages
//
// # Adding a sport
//
// Write a file with a variable of type [sport], and add the variable to sports in sport.go.
// basketball.go is an example. The variable needs these members:
//
//   - load: decodes a line into a timeline. Every fact has its time in seconds since kick-off, breaks
//     included, and the clock that pages show. A fact that changes the score has Points. A fact that
//     changes the score without a row on any page, such as a single in cricket, is Unlisted. The spans
//     of the timeline are the periods. Their anchors define the clock where it does not run evenly.
//   - score: an ordinary fact that changes the score. Faults invent such facts.
//   - styles: at least a list of rows and a scoreboard. Each style has a profile, and a notation of
//     clocks. All sports share the code of the list and the scoreboard. For other markup, write
//     another render function.
//   - density: rough number of facts in a match, relative to a soccer match. A higher
//     density makes the faults of single rows rarer.
//   - edits: the edits of rows that only this sport has, if any, such as two points that become three.
//
// The other members of sport are optional. Count each fault of the sport with generator.strike, and
// list its name in faults, so that TestSeason in package parser fails if the fault never strikes.
package season
