// This program is matchwire with an additional consumer, goals. The consumer has its own section in
// matchwire.yaml, like every consumer.
package main

import (
	"github.com/matchwire/matchwire/app"

	"example.org/goals/goals"
)

func main() { app.Main(app.WithConsumer("goals", goals.New)) }
