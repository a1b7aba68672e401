// This program is matchwire with one more consumer. The config names the consumer like any other.
package main

import (
	"github.com/matchwire/matchwire/app"

	"example.org/goals/goals"
)

func main() { app.Main(app.WithConsumer("goals", goals.New)) }
