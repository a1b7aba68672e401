package shipped

import (
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify"
)

var notifier = consumers.Plugin{
	Name: "notify", New: notify.New,
	Command: &notify.Commands{}, Help: "Test notification channels and create keys for Web Push.",
}
