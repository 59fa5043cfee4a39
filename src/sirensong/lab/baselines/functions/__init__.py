"""What schemes share whose carrier is a neural function: its file, its training, its parts."""
