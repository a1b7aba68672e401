// Matchwire with a consumer of your own, which the config names like any other.
package main

import (
	"github.com/matchwire/matchwire/app"

	"example.org/goals/goals"
)

func main() { app.Main(app.WithConsumer("goals", goals.New)) }
