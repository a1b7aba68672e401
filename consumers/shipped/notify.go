package shipped

import (
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify"
)

var notifier = consumers.Plugin{
	Name: "notify", New: notify.New,
	Command: notify.Command,
}
