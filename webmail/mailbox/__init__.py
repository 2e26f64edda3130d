"""What people do in a mailbox: reach it, list it, read it. It sends and receives nothing."""
