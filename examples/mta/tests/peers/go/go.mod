module send

go 1.27
