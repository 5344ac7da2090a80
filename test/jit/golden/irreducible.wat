(func (;4;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i64 i64 i64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 9
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 10
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 11
    (i64.load offset=544 align=1
      (local.get 0)))
  (block  ;; label = @1
    (block  ;; label = @2
      (if  ;; label = @3
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
              (i64.const 0)))
          (br 2 (;@1;))))
      (if  ;; label = @3
        (i64.eq
          (local.get 9)
          (i64.const 0))
        (then
          (br 1 (;@2;)))
        (else
          (if  ;; label = @4
            (i32.lt_s
              (local.tee 1
                (i32.sub
                  (local.get 1)
                  (i32.const 2)))
              (i32.const 0))
            (then
              (local.set 1
                (i32.add
                  (local.get 1)
                  (i32.const 2)))
              (local.set 8
                (i64.add
                  (local.get 2)
                  (i64.const 4)))
              (br 3 (;@1;))))
          (local.set 10
            (i64.add
              (local.get 10)
              (i64.const 1)))
          (br 1 (;@2;)))))
    (if  ;; label = @2
      (i32.lt_s
        (local.tee 1
          (i32.sub
            (local.get 1)
            (i32.const 3)))
        (i32.const 0))
      (then
        (local.set 1
          (i32.add
            (local.get 1)
            (i32.const 3)))
        (local.set 8
          (i64.add
            (local.get 2)
            (i64.const 12)))
        (br 1 (;@1;))))
    (local.set 11
      (i64.add
        (local.get 11)
        (i64.const 1)))
    (local.set 9
      (i64.add
        (local.get 9)
        (i64.const -1)))
    (if  ;; label = @2
      (i64.ne
        (local.get 9)
        (i64.const 0))
      (then
        (local.set 8
          (i64.add
            (local.get 2)
            (i64.const 4)))
        (br 1 (;@1;)))
      (else
        (if  ;; label = @3
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
                (i64.const 24)))
            (br 2 (;@1;))))
        (local.set 1
          (i32.add
            (local.get 1)
            (i32.const 1)))
        (local.set 5
          (i32.const 1))
        (local.set 8
          (i64.add
            (local.get 2)
            (i64.const 24)))
        (br 1 (;@1;)))))
  (i64.store offset=528 align=1
    (local.get 0)
    (local.get 9))
  (i64.store offset=536 align=1
    (local.get 0)
    (local.get 10))
  (i64.store offset=544 align=1
    (local.get 0)
    (local.get 11))
  (i64.store align=1
    (local.get 0)
    (local.get 8))
  (i32.store offset=376 align=1
    (local.get 0)
    (local.get 5))
  (local.get 1))
