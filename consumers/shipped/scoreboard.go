package shipped

import (
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
)

var scoreboards = consumers.Plugin{Name: "scoreboard", New: scoreboard.New}
