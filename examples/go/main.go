// This program is matchwire with an additional consumer, goals. The config of goals is a section like
// that of any other consumer.
package main

import (
	"github.com/matchwire/matchwire/app"

	"example.org/goals/goals"
)

func main() { app.Main(app.WithConsumer("goals", goals.New)) }
