(func (;4;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 9
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 11
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 10
    (i64.load offset=544 align=1
      (local.get 0)))
  (local.set 12
    (i64.load offset=552 align=1
      (local.get 0)))
  (local.set 13
    (i64.load offset=560 align=1
      (local.get 0)))
  (block  ;; label = @1
    (loop  ;; label = @2
      (if  ;; label = @3
        (i32.lt_s
          (local.tee 1
            (i32.sub
              (local.get 1)
              (i32.const 4)))
          (i32.const 0))
        (then
          (local.set 1
            (i32.add
              (local.get 1)
              (i32.const 4)))
          (local.set 8
            (i64.add
              (local.get 2)
              (i64.const 0)))
          (br 2 (;@1;))))
      (i64.store offset=528 align=1
        (local.get 0)
        (local.get 9))
      (i64.store offset=544 align=1
        (local.get 0)
        (local.get 10))
      (if  ;; label = @3
        (i32.eqz
          (call 3
            (local.get 0)
            (i32.const 67108880)))
        (then
          (local.set 1
            (i32.add
              (local.get 1)
              (i32.const 4)))
          (local.set 5
            (i32.const 1))
          (local.set 8
            (i64.add
              (local.get 2)
              (i64.const 0)))
          (br 2 (;@1;))))
      (local.set 11
        (i64.load offset=536 align=1
          (local.get 0)))
      (i64.store offset=528 align=1
        (local.get 0)
        (local.get 9))
      (if  ;; label = @3
        (i32.eqz
          (call 3
            (local.get 0)
            (i32.const 67108896)))
        (then
          (local.set 1
            (i32.add
              (local.get 1)
              (i32.const 3)))
          (local.set 5
            (i32.const 1))
          (local.set 8
            (i64.add
              (local.get 2)
              (i64.const 4)))
          (br 2 (;@1;))))
      (local.set 12
        (i64.load offset=552 align=1
          (local.get 0)))
      (i64.store offset=528 align=1
        (local.get 0)
        (local.get 9))
      (i64.store offset=552 align=1
        (local.get 0)
        (local.get 12))
      (if  ;; label = @3
        (i32.eqz
          (call 3
            (local.get 0)
            (i32.const 67108912)))
        (then
          (local.set 1
            (i32.add
              (local.get 1)
              (i32.const 2)))
          (local.set 5
            (i32.const 1))
          (local.set 8
            (i64.add
              (local.get 2)
              (i64.const 8)))
          (br 2 (;@1;))))
      (local.set 13
        (i64.load offset=560 align=1
          (local.get 0)))
      (if  ;; label = @3
        (i64.ne
          (local.get 13)
          (i64.const 0))
        (then
          (br 1 (;@2;)))
        (else
          (if  ;; label = @4
            (i32.lt_s
              (local.tee 1
                (i32.sub
                  (local.get 1)
                  (i32.const 1)))
              (i32.const 0))
            (then
              (local.set 1
                (i32.add
                  (local.get 1)
                  (i32.const 1)))
              (local.set 8
                (i64.add
                  (local.get 2)
                  (i64.const 16)))
              (br 3 (;@1;))))
          (local.set 1
            (i32.add
              (local.get 1)
              (i32.const 1)))
          (local.set 5
            (i32.const 1))
          (local.set 8
            (i64.add
              (local.get 2)
              (i64.const 16)))
          (br 2 (;@1;))))))
  (i64.store offset=536 align=1
    (local.get 0)
    (local.get 11))
  (i64.store offset=552 align=1
    (local.get 0)
    (local.get 12))
  (i64.store offset=560 align=1
    (local.get 0)
    (local.get 13))
  (i64.store align=1
    (local.get 0)
    (local.get 8))
  (i32.store offset=376 align=1
    (local.get 0)
    (local.get 5))
  (local.get 1))
