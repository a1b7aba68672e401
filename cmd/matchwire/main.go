// Matchwire reads live match pages, publishes what happens in the matches as events, and runs
// consumers that react to the events. See README.md and matchwire --help.
package main

import "github.com/matchwire/matchwire/app"

func main() { app.Main() }
