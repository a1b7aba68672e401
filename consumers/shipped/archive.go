package shipped

import (
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/archive"
)

var archiver = consumers.Plugin{
	Name: "archive", New: archive.New, Named: true,
	Command: archive.Command,
}
