"""What people do in a mailbox: reach it, list it, read it. It sends nothing and receives nothing."""
