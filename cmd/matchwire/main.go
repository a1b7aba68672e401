// Matchwire reads live match pages and emits what happens there as events, and
// runs the consumers that react to them. See README.md, or matchwire --help.
package main

import "github.com/matchwire/matchwire/app"

func main() { app.Main() }
