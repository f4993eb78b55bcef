"""What a person must see to: noticed by itself, told once a day, ended by itself."""
